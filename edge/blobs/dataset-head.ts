import { columnsToRead, type DatasetKindName, datasetKind } from "../../shared/data/dataset-kinds/registry.ts";
import { createDatasetReader } from "../../shared/data/dataset-reader.ts";
import type { DryRunLine } from "../../shared/data/dry-run.ts";
import { isMetadata } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JsonlLine } from "../../shared/formats/jsonl.ts";
import { openParquet } from "../../shared/formats/parquet.ts";
import { LIMITS } from "../../shared/limits.ts";
import { storedFile } from "./stored-file.ts";

export interface StoredDataset {
  readonly key: string;
  readonly bytes: number;
  /** What messages call the file. */
  readonly name: string;
  /** How its records are read. */
  readonly kind: DatasetKindName;
  /** The id of the line format that it was said to have. */
  readonly format?: string | undefined;
}

export interface DatasetHead {
  /** Throws `invalid_file` at the first record that is wrong. */
  readonly lines: Iterable<DryRunLine>;
  /** Whether these are all records of the file. */
  readonly whole: boolean;
}

/**
 * The complete records in the first `maxBytes` of a stored dataset; of Parquet, the first rows. Throws `corrupt_blob` when its
 * bytes are missing.
 */
export async function datasetHead(bucket: R2Bucket, dataset: StoredDataset, maxBytes: number): Promise<DatasetHead> {
  const { key, bytes, name, kind, format } = dataset;
  const whole = bytes <= maxBytes;
  const object = await bucket.get(key, { range: { offset: 0, length: Math.min(bytes, maxBytes) } });
  if (object === null) throw new TrimtabError("corrupt_blob", "The file's bytes are missing from the store.");
  const head = new Uint8Array(await object.arrayBuffer());
  if (isParquet(head)) return tableHead(bucket, dataset);
  function* lines(): Generator<DryRunLine> {
    const reader = createDatasetReader({ name, maxUnpackedBytes: LIMITS.unpackedFile });
    let records = 0;
    function* parsed(read: readonly JsonlLine[]): Generator<DryRunLine> {
      for (const record of read) {
        records += 1;
        if (!isMetadata(record.value, records)) yield lineOf(record, { kind, name, format });
      }
    }
    yield* parsed(reader.push(head));
    if (whole) yield* parsed(reader.end());
  }
  return { lines: { [Symbol.iterator]: lines }, whole };
}

const isParquet = (head: Uint8Array) => new TextDecoder().decode(head.subarray(0, 4)) === "PAR1";

function lineOf(
  { number, value }: JsonlLine,
  { kind, name, format }: Pick<StoredDataset, "kind" | "name" | "format">,
): DryRunLine {
  const { examples, prompts } = datasetKind(kind).read(value, { number, unit: "line", file: name }, format);
  return { line: number, examples, prompts };
}

async function tableHead(bucket: R2Bucket, { key, bytes, name, kind, format }: StoredDataset): Promise<DatasetHead> {
  const table = await openParquet(storedFile(bucket, key, bytes), {
    name,
    maxGroupBytes: LIMITS.parquetGroup,
    maxUnpackedBytes: LIMITS.unpackedFile,
  });
  const rows: JsonlLine[] = [];
  let whole = true;
  for await (const row of table.rows(columnsToRead(table.columns))) {
    if (rows.length === LIMITS.validatedLines) {
      whole = false;
      break;
    }
    rows.push(row);
  }
  function* lines(): Generator<DryRunLine> {
    for (const row of rows) yield lineOf(row, { kind, name, format });
  }
  return { lines: { [Symbol.iterator]: lines }, whole };
}
