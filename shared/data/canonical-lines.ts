import { joinBytes } from "../formats/join-bytes.ts";
import type { JsonlLine } from "../formats/jsonl.ts";
import { openParquet } from "../formats/parquet.ts";
import { LIMITS } from "../limits.ts";
import { columnsToRead } from "./dataset-kinds/registry.ts";
import { createDatasetReader } from "./dataset-reader.ts";

/**
 * A dataset in any form as JSON Lines in UTF-8, one record per line; JSON Lines stay as they are. Holds the whole file
 * in memory. Throws the reader's errors.
 */
export async function canonicalLines(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  const reader = createDatasetReader({ name, maxUnpackedBytes: LIMITS.unpackedFile });
  const step = 1 << 20;
  const lines: Uint8Array[] = [];
  const encoder = new TextEncoder();
  const keep = (records: readonly JsonlLine[]) => {
    for (const { value } of records) lines.push(encoder.encode(`${JSON.stringify(value)}\n`));
  };
  for (let at = 0; at < bytes.byteLength; at += step) {
    const records = reader.push(bytes.subarray(at, at + step));
    if (reader.form === "jsonl" && reader.compression === null) return bytes;
    keep(records);
  }
  keep(reader.end());
  if (reader.form === "jsonl" && reader.compression === null) return bytes;
  if (reader.form === "parquet") {
    const copy = bytes.slice().buffer;
    const table = await openParquet(
      { byteLength: bytes.byteLength, slice: (start, end) => copy.slice(start, end) },
      { name, maxGroupBytes: LIMITS.parquetGroup, maxUnpackedBytes: LIMITS.unpackedFile },
    );
    for await (const record of table.rows(columnsToRead(table.columns))) keep([record]);
  }
  return joinBytes(lines);
}
