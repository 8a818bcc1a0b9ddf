import type { DatasetFacts } from "../../shared/api/files.ts";
import { KindCheck } from "../../shared/data/dataset-kinds/kind-check.ts";
import { columnsToRead } from "../../shared/data/dataset-kinds/registry.ts";
import { createDatasetReader, RECORD_UNITS } from "../../shared/data/dataset-reader.ts";
import { isMetadata } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JsonlLine } from "../../shared/formats/jsonl.ts";
import { openParquet } from "../../shared/formats/parquet.ts";
import { LIMITS } from "../../shared/limits.ts";
import { BlobWriter } from "./blob-writer.ts";
import { type FormPart, formParts } from "./multipart.ts";
import { UploadedPreferences } from "./uploaded-preferences.ts";

/** A dataset that was received, checked record by record, and stored as it came. */
export interface ReceivedDataset {
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly lines: number;
  readonly trainable: number;
  readonly dataset: DatasetFacts;
}

export interface UploadForm {
  readonly body: ReadableStream<Uint8Array>;
  readonly boundary: string;
}

/**
 * Reads an upload's form: the dataset is stored under `key` as it arrives, while each of its records is checked.
 *
 * @throws TrimtabError invalid_file with the place of the first bad record, payload_too_large, invalid_request with the form's
 *   field; nothing is stored then.
 */
export async function receiveDataset(form: UploadForm, bucket: R2Bucket, key: string): Promise<ReceivedDataset> {
  let received: ReceivedDataset | undefined;
  let purpose: string | undefined;
  try {
    for await (const part of formParts(form.body, form.boundary, LIMITS.file + LIMITS.multipartOverhead)) {
      switch (part.name) {
        case "file":
          if (received !== undefined) throw refuse("file", "is there twice; upload one file at a time");
          received = await receiveFile(part, bucket, key);
          break;
        case "purpose":
          purpose = await shortField(part);
          if (purpose !== "fine-tune") throw refuse("purpose", 'must be "fine-tune"');
          break;
        default:
          throw refuse(part.name.slice(0, 64), "is an unknown field; remove it");
      }
    }
    if (received === undefined) throw refuse("file", "is required");
    if (purpose === undefined) throw refuse("purpose", 'is required; it must be "fine-tune"');
    return received;
  } catch (error) {
    if (received !== undefined) await bucket.delete(key);
    throw error;
  }
}

function receiveFile(part: FormPart, bucket: R2Bucket, key: string): Promise<ReceivedDataset> {
  const filename = (part.filename ?? "").slice(0, LIMITS.fileName);
  if (filename === "") throw refuse("file", "must be a file with a name");
  return storeDataset({ filename, chunks: part.chunks }, bucket, key);
}

/**
 * Stores a dataset under `key` as its bytes come, while each of its records is checked.
 *
 * @throws TrimtabError invalid_file with the place of the first bad record, payload_too_large; nothing is stored then.
 */
export async function storeDataset(
  { filename, chunks }: { readonly filename: string; readonly chunks: AsyncIterable<Uint8Array> },
  bucket: R2Bucket,
  key: string,
): Promise<ReceivedDataset> {
  const writer = new BlobWriter(bucket, key);
  const check = new DatasetCheck();
  let stored: Awaited<ReturnType<BlobWriter["finish"]>>;
  try {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > LIMITS.file) {
        throw new TrimtabError("payload_too_large", `The file is larger than ${LIMITS.file} bytes. Split it.`, {
          param: "file",
        });
      }
      check.push(chunk);
      await writer.write(chunk);
    }
    check.end();
    stored = await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  try {
    // A Parquet file is read from its end, so from the store, piece by piece.
    if (check.isParquet) await check.readTable(storedFile(bucket, key, stored.bytes));
    return { filename, ...check.facts(), ...stored };
  } catch (error) {
    await bucket.delete(key);
    throw error;
  }
}

/** A stored file that Parquet readers can read in ranges. Throws `corrupt_blob` when its bytes are missing. */
export function storedFile(bucket: R2Bucket, key: string, byteLength: number) {
  return {
    byteLength,
    async slice(start: number, end = byteLength): Promise<ArrayBuffer> {
      // R2 refuses an empty range.
      if (end <= start) return new ArrayBuffer(0);
      const object = await bucket.get(key, { range: { offset: start, length: end - start } });
      if (object === null) throw new TrimtabError("corrupt_blob", "The uploaded bytes are missing from the store.");
      return object.arrayBuffer();
    },
  };
}

/** Column names that a reply lists, and characters of each; more would only be noise. */
const MAX_IGNORED = 64;
const MAX_NAME = 128;

/** Checks a dataset's records as they arrive. */
class DatasetCheck {
  readonly #reader = createDatasetReader({ maxUnpackedBytes: LIMITS.unpackedFile });
  readonly #kinds = new KindCheck();
  readonly #ignored = new Set<string>();
  readonly #preferences = new UploadedPreferences();
  #records = 0;
  #lines = 0;

  get isParquet(): boolean {
    return this.#reader.form === "parquet";
  }

  push(chunk: Uint8Array): void {
    named(() => this.#look(this.#reader.push(chunk)));
  }

  end(): void {
    named(() => this.#look(this.#reader.end()));
  }

  async readTable(file: ReturnType<typeof storedFile>): Promise<void> {
    try {
      const table = await openParquet(file, { maxGroupBytes: LIMITS.parquetGroup });
      const isRead = columnsToRead(table.columns);
      this.#ignore(table.columns.filter((column) => !isRead(column)));
      for await (const record of table.rows(isRead)) this.#look([record]);
    } catch (error) {
      throw fileError(error);
    }
  }

  facts(): Pick<ReceivedDataset, "format" | "lines" | "trainable" | "dataset"> {
    if (this.#lines === 0) throw fileError(new TrimtabError("invalid_file", "the file has no example in it"));
    const { kinds, unfit, layouts, ignored, trainable, groups } = named(() => this.#kinds.end());
    const isOfExamples = kinds[0] === "examples";
    this.#ignore(ignored);
    return {
      format: !isOfExamples ? kinds[0]! : groups.length === 1 ? groups[0]! : "mixed",
      lines: this.#lines,
      trainable,
      dataset: {
        format: this.#reader.form ?? "jsonl",
        compression: this.#reader.compression,
        examples: this.#lines,
        layouts: [...layouts],
        ignored_columns: [...this.#ignored],
        kinds: [...kinds],
        ...(Object.keys(unfit).length === 0 ? {} : { unfit }),
        ...this.#preferences.figures(kinds),
      },
    };
  }

  #ignore(names: readonly string[]): void {
    for (const name of names) if (this.#ignored.size < MAX_IGNORED) this.#ignored.add(name.slice(0, MAX_NAME));
  }

  #look(records: readonly JsonlLine[]): void {
    const unit = RECORD_UNITS[this.#reader.form ?? "jsonl"];
    for (const { number, value } of records) {
      this.#records++;
      if (isMetadata(value, this.#records)) continue;
      const place = { number, unit, file: "the file" };
      this.#kinds.add(value, place);
      this.#preferences.add(value, place);
      this.#lines++;
    }
  }
}

function named<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw fileError(error);
  }
}

function fileError(error: unknown): unknown {
  if (!(error instanceof TrimtabError)) return error;
  return new TrimtabError(error.code, error.message, { param: "file", data: error.data, cause: error });
}

async function shortField(part: FormPart): Promise<string> {
  const bytes: number[] = [];
  for await (const chunk of part.chunks) {
    if (bytes.length + chunk.byteLength > 256) throw refuse(part.name, "is too long");
    bytes.push(...chunk);
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function refuse(field: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${field}\` ${problem}.`, { param: field });
}
