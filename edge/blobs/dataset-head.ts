import { parseTrainingLine, type TrainingLine } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { createJsonlReader, type JsonlLine } from "../../shared/formats/jsonl.ts";

export interface StoredDataset {
  readonly key: string;
  readonly bytes: number;
  /** What messages call the file. */
  readonly name: string;
}

export interface DatasetHead {
  /** Throws `invalid_file` at the first line that is wrong. */
  readonly lines: Iterable<TrainingLine>;
  /** Whether these are all lines of the file. */
  readonly whole: boolean;
}

/** The complete lines in the first `maxBytes` of a stored dataset. Throws `corrupt_blob` when its bytes are missing. */
export async function datasetHead(
  bucket: R2Bucket,
  { key, bytes, name }: StoredDataset,
  maxBytes: number,
): Promise<DatasetHead> {
  const whole = bytes <= maxBytes;
  const object = await bucket.get(key, { range: { offset: 0, length: Math.min(bytes, maxBytes) } });
  if (object === null) throw new TrimtabError("corrupt_blob", "The file's bytes are missing from the store.");
  const head = new Uint8Array(await object.arrayBuffer());
  function* lines(): Generator<TrainingLine> {
    const reader = createJsonlReader({ name });
    const parsed = (read: readonly JsonlLine[]) =>
      read.map(({ number, value }) => ({ line: number, example: parseTrainingLine(value, number, name) }));
    yield* parsed(reader.push(head));
    if (whole) yield* parsed(reader.end());
  }
  return { lines: { [Symbol.iterator]: lines }, whole };
}
