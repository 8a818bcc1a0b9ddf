import { UPLOAD_PURPOSES, type UploadPurpose } from "../../shared/api/files.ts";
import { type SaidFormat, saidFormat } from "../../shared/data/said-format.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { Pace } from "../pace/pace.ts";
import { BlobWriter } from "./blob-writer.ts";
import { type CheckedDataset, DatasetCheck, type DatasetExpectation } from "./dataset-check.ts";
import { type FormPart, formParts } from "./multipart.ts";
import { storedFile } from "./stored-file.ts";

/** A dataset that was received, checked record by record, and stored as it came. */
export interface ReceivedDataset extends CheckedDataset {
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly purpose: UploadPurpose;
}

export interface UploadForm {
  readonly body: ReadableStream<Uint8Array>;
  readonly boundary: string;
  /** The `format` of the address, for clients whose forms have no fields of their own. */
  readonly format?: string | undefined;
}

/**
 * Reads an upload's form: the dataset is stored under `key` as it arrives, while each of its records is checked.
 *
 * @throws TrimtabError invalid_file with the place of the first bad record, payload_too_large, invalid_request with the form's
 *   field; nothing is stored then.
 */
export async function receiveDataset(
  form: UploadForm,
  bucket: R2Bucket,
  key: string,
  pace = new Pace(""),
): Promise<ReceivedDataset> {
  let stored: StoredUpload | undefined;
  let purpose: UploadPurpose | undefined;
  let said = form.format === undefined ? undefined : saidFormat(form.format);
  try {
    for await (const part of formParts(form.body, form.boundary, LIMITS.file + LIMITS.multipartOverhead)) {
      switch (part.name) {
        case "file":
          if (stored !== undefined) throw refuse("file", "is there twice; upload one file at a time");
          stored = await store({ filename: fileName(part), chunks: part.chunks, purpose, said, pace }, bucket, key);
          break;
        case "purpose":
          purpose = uploadPurpose(await shortField(part));
          break;
        case "format": {
          const named = saidFormat(await shortField(part));
          if (said !== undefined && said !== named) throw refuse("format", "is given twice, and differs");
          said = named;
          break;
        }
        default:
          throw refuse(part.name.slice(0, 64), "is an unknown field; remove it");
      }
    }
    if (stored === undefined) throw refuse("file", "is required");
    if (purpose === undefined) throw refuse("purpose", `is required; it must be ${PURPOSES}`);
    if (said !== undefined && purpose !== "fine-tune") {
      throw refuse("format", `is of files to train on, and this one has the purpose "${purpose}"; leave it out`);
    }
    const { check, ...facts } = stored;
    // A form may say the format after its file, which has been read by its looks by then.
    const asSaid = said === check.said ? check : await checkStored({ purpose, said, pace }, { ...facts, key }, bucket);
    return { ...facts, ...asSaid.facts(purpose), purpose };
  } catch (error) {
    if (stored !== undefined) await bucket.delete(key);
    throw error;
  }
}

const PURPOSES = UPLOAD_PURPOSES.map((purpose) => JSON.stringify(purpose)).join(" or ");

function uploadPurpose(given: string): UploadPurpose {
  const purpose = UPLOAD_PURPOSES.find((name) => name === given);
  if (purpose === undefined) throw refuse("purpose", `must be ${PURPOSES}`);
  return purpose;
}

function fileName(part: FormPart): string {
  const filename = (part.filename ?? "").slice(0, LIMITS.fileName);
  if (filename === "") throw refuse("file", "must be a file with a name");
  return filename;
}

interface DatasetToKeep {
  readonly filename: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What its lines are said to be; left out, they are to show it. */
  readonly said?: SaidFormat | undefined;
  /** Of whoever waits for it. */
  readonly pace?: Pace;
}

type DatasetToStore = DatasetToKeep & DatasetExpectation;

interface StoredUpload {
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Has seen every record. */
  readonly check: DatasetCheck;
}

/**
 * Stores a dataset to train on under `key` as its bytes come, while each of its records is checked.
 *
 * @throws TrimtabError invalid_file with the place of the first bad record, payload_too_large; nothing is stored then.
 */
export async function storeDataset(
  { filename, chunks, said, pace = new Pace("") }: DatasetToKeep,
  bucket: R2Bucket,
  key: string,
): Promise<Omit<ReceivedDataset, "purpose">> {
  const { check, ...stored } = await store({ filename, chunks, purpose: "fine-tune", said, pace }, bucket, key);
  try {
    return { ...stored, ...check.facts("fine-tune") };
  } catch (error) {
    await bucket.delete(key);
    throw error;
  }
}

async function store(
  { filename, chunks, purpose, said, pace }: DatasetToStore,
  bucket: R2Bucket,
  key: string,
): Promise<StoredUpload> {
  const writer = new BlobWriter(bucket, key);
  const check = new DatasetCheck({ purpose, said }, pace);
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
      await check.push(chunk);
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
    return { filename, ...stored, check };
  } catch (error) {
    await bucket.delete(key);
    throw error;
  }
}

/** Reads a stored file again, as what it was said to be. */
async function checkStored(
  { pace, ...expected }: DatasetExpectation & { readonly pace: Pace },
  { key, bytes }: { readonly key: string; readonly bytes: number },
  bucket: R2Bucket,
): Promise<DatasetCheck> {
  const check = new DatasetCheck(expected, pace);
  const object = await bucket.get(key);
  if (object === null) throw new TrimtabError("corrupt_blob", "The uploaded bytes are missing from the store.");
  for await (const chunk of object.body) await check.push(chunk);
  check.end();
  if (check.isParquet) await check.readTable(storedFile(bucket, key, bytes));
  return check;
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
