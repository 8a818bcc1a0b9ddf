import type { Example } from "../../shared/data/example.ts";
import { parseTrainingLine } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createJsonlReader } from "../../shared/formats/jsonl.ts";
import { LIMITS } from "../../shared/limits.ts";
import { BlobWriter } from "./blob-writer.ts";
import { type FormPart, formParts } from "./multipart.ts";

/** A dataset that was received, checked line by line, and stored. */
export interface ReceivedDataset {
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly lines: number;
  readonly trainable: number;
}

export interface UploadForm {
  readonly body: ReadableStream<Uint8Array>;
  readonly boundary: string;
}

/**
 * Reads an upload's form: the dataset is stored under `key` as it arrives, while each of its lines is checked.
 *
 * @throws TrimtabError invalid_file with the number of the first bad line, payload_too_large, invalid_request with the form's field;
 *   nothing is stored then.
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

async function receiveFile(part: FormPart, bucket: R2Bucket, key: string): Promise<ReceivedDataset> {
  const filename = (part.filename ?? "").slice(0, LIMITS.fileName);
  if (filename === "") throw refuse("file", "must be a file with a name");
  const writer = new BlobWriter(bucket, key);
  const check = new DatasetCheck();
  try {
    let bytes = 0;
    for await (const chunk of part.chunks) {
      bytes += chunk.byteLength;
      if (bytes > LIMITS.file) {
        throw new TrimtabError("payload_too_large", `The file is larger than ${LIMITS.file} bytes. Split it.`, {
          param: "file",
        });
      }
      check.push(chunk);
      await writer.write(chunk);
    }
    const facts = check.end();
    return { filename, ...facts, ...(await writer.finish()) };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Checks a dataset's lines as they arrive. */
class DatasetCheck {
  readonly #reader = createJsonlReader();
  readonly #kinds = new Set<string>();
  #lines = 0;
  #trainable = 0;

  push(chunk: Uint8Array): void {
    this.#look(() => this.#reader.push(chunk));
  }

  end(): { format: string; lines: number; trainable: number } {
    this.#look(() => this.#reader.end());
    const [kind = "", ...others] = this.#kinds;
    return { format: others.length === 0 ? kind : "mixed", lines: this.#lines, trainable: this.#trainable };
  }

  #look(read: () => { number: number; value: unknown }[]): void {
    try {
      for (const { number, value } of read()) {
        const example = parseTrainingLine(value, number);
        this.#kinds.add(example.kind);
        this.#lines++;
        if (isTrainable(example)) this.#trainable++;
      }
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      throw new TrimtabError(error.code, error.message, { param: "file", data: error.data, cause: error });
    }
  }
}

function isTrainable(example: Example): boolean {
  if (example.kind === "completion") return example.completion !== "";
  return example.messages.some(
    ({ role, content, weight, tool_calls: calls }) =>
      role === "assistant" && weight !== 0 && (content !== "" || calls !== undefined),
  );
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
