/** Datasets on this machine, read as the server reads uploads. */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { RecordPlace } from "../../../shared/data/columns.ts";
import type { ReadRecord } from "../../../shared/data/dataset-kinds/kind.ts";
import { KindCheck } from "../../../shared/data/dataset-kinds/kind-check.ts";
import { columnsToRead, type DatasetKindName, datasetKind } from "../../../shared/data/dataset-kinds/registry.ts";
import { createDatasetReader, RECORD_UNITS } from "../../../shared/data/dataset-reader.ts";
import { readHeldOut } from "../../../shared/data/inspect/held-out.ts";
import { type SaidFormat, saidFormat } from "../../../shared/data/said-format.ts";
import { isMetadata } from "../../../shared/data/training-lines.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { openParquet } from "../../../shared/formats/parquet.ts";
import { LIMITS } from "../../../shared/limits.ts";

export interface LocalRecord {
  readonly value: unknown;
  readonly place: RecordPlace;
}

/** A file that has been checked as an upload is. */
export interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly kind: DatasetKindName;
  /** What its lines were said to be; absent where each shows it by itself. */
  readonly said?: SaidFormat | undefined;
}

/**
 * Checks a file record by record. Throws `invalid_file` with the place of the first bad record, and `not_found`.
 *
 * @param format what the lines are, by a name that an upload may say; `invalid_request` if there is none
 */
export async function openLocalFile(path: string, format?: string): Promise<LocalFile> {
  const name = basename(path);
  const said = format === undefined ? undefined : saidFormat(format);
  const kinds = new KindCheck(said);
  let records = 0;
  for await (const { value, place } of recordsOf(path)) {
    kinds.add(value, place);
    records += 1;
  }
  if (records === 0) throw new TrimtabError("invalid_file", `${path} has no example in it.`);
  return { path, name, kind: kinds.end().kinds[0] ?? "examples", said };
}

export async function* linesOf({
  path,
  kind,
  said,
}: LocalFile): AsyncGenerator<LocalRecord & { readonly record: ReadRecord }, void> {
  const reader = datasetKind(kind);
  for await (const { value, place } of recordsOf(path))
    yield { value, place, record: reader.read(value, place, said?.format) };
}

/** A held-out file, whose records may have any shape. */
export async function* heldOutLines(
  path: string,
): AsyncGenerator<{ readonly place: RecordPlace; readonly record: ReadRecord }, void> {
  for await (const { value, place } of recordsOf(path)) yield { place, record: readHeldOut(value, place, []) };
}

async function* recordsOf(path: string): AsyncGenerator<LocalRecord, void> {
  const name = basename(path);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new TrimtabError("not_found", `There is no file ${path}.`);
  const reader = createDatasetReader({ name, maxUnpackedBytes: Number.MAX_SAFE_INTEGER });
  let records = 0;
  function* placed(read: Iterable<{ readonly number: number; readonly value: unknown }>): Generator<LocalRecord> {
    for (const { number, value } of read) {
      records += 1;
      if (isMetadata(value, records)) continue;
      yield { value, place: { number, unit: RECORD_UNITS[reader.form ?? "jsonl"], file: name } };
    }
  }
  for await (const chunk of createReadStream(path)) {
    yield* placed(reader.push(chunk as Uint8Array));
    // A Parquet file is read from its end.
    if (reader.form === "parquet") break;
  }
  if (reader.form !== "parquet") {
    yield* placed(reader.end());
    return;
  }
  const handle = await open(path);
  try {
    const file = {
      byteLength: found.size,
      async slice(start: number, end = found.size): Promise<ArrayBuffer> {
        const bytes = new Uint8Array(end - start);
        await handle.read(bytes, 0, bytes.byteLength, start);
        return bytes.buffer;
      },
    };
    const table = await openParquet(file, { name, maxGroupBytes: LIMITS.parquetGroup });
    for await (const row of table.rows(columnsToRead(table.columns))) yield* placed([row]);
  } finally {
    await handle.close();
  }
}
