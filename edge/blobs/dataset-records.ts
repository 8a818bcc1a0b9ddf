import type { RecordPlace } from "../../shared/data/columns.ts";
import { DATASET_COLUMNS } from "../../shared/data/dataset-kinds/registry.ts";
import { createDatasetReader, RECORD_UNITS } from "../../shared/data/dataset-reader.ts";
import { isMetadata } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { openParquet } from "../../shared/formats/parquet.ts";
import { LIMITS } from "../../shared/limits.ts";
import { Pace } from "../pace/pace.ts";
import { storedFile } from "./stored-file.ts";

export interface DatasetToRead {
  readonly key: string;
  readonly bytes: number;
  /** What messages call the file. */
  readonly name: string;
  /** Columns of a Parquet file to read besides those of the kinds of datasets. */
  readonly columns?: readonly string[];
  /** Reads every record and column, as of a file of any objects: a first record that describes a dataset too. */
  readonly whole?: boolean;
  /** Of whoever waits for the records. */
  readonly pace?: Pace;
}

export interface PlacedRecord {
  readonly value: unknown;
  readonly place: RecordPlace;
}

/** Millionths of a second to read a piece, and for each record in it, with what is done with it. */
const OF_A_STEP = 300;
const OF_A_RECORD = 20;

/**
 * Every record of a stored dataset, in any form, read piece by piece.
 *
 * @throws TrimtabError invalid_file, corrupt_blob when its bytes are missing
 */
export async function* datasetRecords(
  bucket: R2Bucket,
  { key, bytes, name, columns = [], whole = false, pace = new Pace("") }: DatasetToRead,
): AsyncGenerator<PlacedRecord, void> {
  const object = await bucket.get(key);
  if (object === null) throw new TrimtabError("corrupt_blob", "The file's bytes are missing from the store.");
  const reader = createDatasetReader({ name, maxUnpackedBytes: LIMITS.unpackedFile });
  let records = 0;
  function* placed(read: Iterable<{ readonly number: number; readonly value: unknown }>): Generator<PlacedRecord> {
    for (const { number, value } of read) {
      records += 1;
      if (!whole && isMetadata(value, records)) continue;
      yield { value, place: { number, unit: RECORD_UNITS[reader.form ?? "jsonl"], file: name } };
    }
  }
  for await (const chunk of object.body) {
    for (const read of reader.steps(chunk)) {
      await pace.spend(OF_A_STEP + OF_A_RECORD * read.length);
      yield* placed(read);
    }
    // A Parquet file is read from its end.
    if (reader.form === "parquet") break;
  }
  if (reader.form !== "parquet") {
    yield* placed(reader.end());
    return;
  }
  const table = await openParquet(storedFile(bucket, key, bytes), {
    name,
    maxGroupBytes: LIMITS.parquetGroup,
    maxUnpackedBytes: LIMITS.unpackedFile,
  });
  const wanted = (column: string) => whole || DATASET_COLUMNS.has(column) || columns.includes(column);
  for await (const row of table.rows(wanted)) {
    await pace.spend(OF_A_RECORD);
    yield* placed([row]);
  }
}
