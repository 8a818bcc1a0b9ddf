import { createDatasetReader } from "../../shared/data/dataset-reader.ts";
import { KNOWN_COLUMNS } from "../../shared/data/line-formats/registry.ts";
import { isMetadata, parseTrainingLine, type TrainingLine } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JsonlLine } from "../../shared/formats/jsonl.ts";
import { openParquet } from "../../shared/formats/parquet.ts";
import { LIMITS } from "../../shared/limits.ts";
import { storedFile } from "./receive-dataset.ts";

export interface StoredDataset {
  readonly key: string;
  readonly bytes: number;
  /** What messages call the file. */
  readonly name: string;
}

export interface DatasetHead {
  /** Throws `invalid_file` at the first record that is wrong. */
  readonly lines: Iterable<TrainingLine>;
  /** Whether these are all records of the file. */
  readonly whole: boolean;
}

/**
 * The complete records in the first `maxBytes` of a stored dataset; of Parquet, the first rows. Throws `corrupt_blob` when its
 * bytes are missing.
 */
export async function datasetHead(bucket: R2Bucket, dataset: StoredDataset, maxBytes: number): Promise<DatasetHead> {
  const { key, bytes, name } = dataset;
  const whole = bytes <= maxBytes;
  const object = await bucket.get(key, { range: { offset: 0, length: Math.min(bytes, maxBytes) } });
  if (object === null) throw new TrimtabError("corrupt_blob", "The file's bytes are missing from the store.");
  const head = new Uint8Array(await object.arrayBuffer());
  if (isParquet(head)) return tableHead(bucket, dataset);
  function* lines(): Generator<TrainingLine> {
    const reader = createDatasetReader({ name, maxUnpackedBytes: LIMITS.unpackedFile });
    let records = 0;
    function* parsed(read: readonly JsonlLine[]): Generator<TrainingLine> {
      for (const { number, value } of read) {
        records += 1;
        if (!isMetadata(value, records)) yield { line: number, example: parseTrainingLine(value, number, name) };
      }
    }
    yield* parsed(reader.push(head));
    if (whole) yield* parsed(reader.end());
  }
  return { lines: { [Symbol.iterator]: lines }, whole };
}

const isParquet = (head: Uint8Array) => new TextDecoder().decode(head.subarray(0, 4)) === "PAR1";

async function tableHead(bucket: R2Bucket, { key, bytes, name }: StoredDataset): Promise<DatasetHead> {
  const table = await openParquet(storedFile(bucket, key, bytes), { name, maxGroupBytes: LIMITS.parquetGroup });
  const rows: JsonlLine[] = [];
  let whole = true;
  for await (const row of table.rows((column) => KNOWN_COLUMNS.has(column))) {
    if (rows.length === LIMITS.validatedLines) {
      whole = false;
      break;
    }
    rows.push(row);
  }
  function* lines(): Generator<TrainingLine> {
    for (const { number, value } of rows) yield { line: number, example: parseTrainingLine(value, number, name) };
  }
  return { lines: { [Symbol.iterator]: lines }, whole };
}
