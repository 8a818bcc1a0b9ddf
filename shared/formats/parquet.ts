/** Apache Parquet tables, read with hyparquet: one row group at a time, or a part of one whose pages are indexed. */
import { gunzipSync } from "fflate";
import { decompress as unpackZstd } from "fzstd";
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
  type RowGroup,
  snappyUncompress,
} from "hyparquet";
import { messageOf, TrimtabError } from "../errors.ts";
import type { JsonlLine } from "./jsonl.ts";
import { ParquetColumns } from "./parquet-columns.ts";
import { readPages } from "./parquet-pages.ts";

export interface ParquetOptions {
  /** The file's name in error messages; "the file" by default. */
  readonly name?: string;
  /** 1,000,000 by default. */
  readonly maxRows?: number;
  /** The most unpacked bytes of the chosen columns that are in memory together. */
  readonly maxGroupBytes: number;
  /** The most characters and numbers that all rows may hold: a text of a dictionary is in any number of rows. No limit by default. */
  readonly maxUnpackedBytes?: number;
}

export interface ParquetTable {
  readonly columns: readonly string[];
  /** The rows, counted from 1, in which columns that were not chosen are null. Throws `invalid_file`. */
  rows(chosen: (column: string) => boolean): AsyncGenerator<JsonlLine, void, undefined>;
}

const CODECS: readonly string[] = ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"];
const MAX_FOOTER_BYTES = 16 << 20;
const MAX_COLUMNS = 2000;
/** The most values that are in memory together, at some 8 bytes each and more: run lengths make a million of them of a few bytes. */
const MAX_VALUES = 2_000_000;
/** The bytes after a footer: its length and the file's magic number. */
const TAIL_BYTES = 8;

/** Opens a table, reading its footer. Throws `invalid_file` for a damaged file and `payload_too_large` past a limit. */
export async function openParquet(file: AsyncBuffer, options: ParquetOptions): Promise<ParquetTable> {
  const { name = "the file", maxRows = 1_000_000, maxGroupBytes } = options;
  const { maxUnpackedBytes = Number.POSITIVE_INFINITY } = options;
  const refuse = (problem: string, cause?: unknown) =>
    cause instanceof TrimtabError ? cause : new TrimtabError("invalid_file", `${name} ${problem}`, { cause });
  const damaged = (cause: unknown) => refuse(`is not a Parquet file that can be read: ${messageOf(cause)}`, cause);

  async function metadataOf(): Promise<FileMetaData> {
    try {
      const tail = new DataView(await file.slice(Math.max(file.byteLength - TAIL_BYTES, 0)));
      if (tail.getUint32(0, true) > MAX_FOOTER_BYTES) throw new Error("its footer is too long");
      return await parquetMetadataAsync(file);
    } catch (error) {
      throw damaged(error);
    }
  }

  const metadata = await metadataOf();
  const columns = columnsOf(metadata);
  if (columns.length > MAX_COLUMNS) {
    throw refuse(`has ${columns.length} columns; at most ${MAX_COLUMNS} are read, so leave some out`);
  }
  // A footer's total may be less than its groups have.
  const total = Math.max(
    Number(metadata.num_rows),
    metadata.row_groups.reduce((sum, { num_rows: rows }) => sum + Number(rows), 0),
  );
  if (total > maxRows) throw refuse(`has ${total} rows; at most ${maxRows} are allowed, so split it`);
  if (total === 0) throw refuse("is empty; it needs at least one row");
  const codecs = metadata.row_groups.flatMap((group) => group.columns.map(({ meta_data: meta }) => meta?.codec));
  const foreign = codecs.find((codec) => codec !== undefined && !CODECS.includes(codec));
  if (foreign !== undefined) {
    throw refuse(`is compressed with ${foreign}; write it with compression="snappy", "gzip" or "zstd"`);
  }

  /** Throws an error for a schema whose depth exhausts the stack too. */
  function columnsOf(read: FileMetaData): string[] {
    try {
      return parquetSchema(read).children.map(({ element }) => element.name);
    } catch (error) {
      throw damaged(error);
    }
  }

  return {
    columns,
    async *rows(chosen) {
      const names = columns.filter(chosen);
      const unread = Object.fromEntries(columns.map((name) => [name, null]));
      // Rows are counted by a column.
      const wanted = names.length === 0 ? columns.slice(0, 1) : names;
      let start = 0;
      let left = maxUnpackedBytes;
      for (const group of metadata.row_groups) {
        const end = start + Number(group.num_rows);
        const step = rowsAtATime(group);
        await checkPages(group);
        for (; start < end; start += step) {
          const upTo = Math.min(start + step, end);
          const rows = await readColumns(start, upTo);
          try {
            // Counted before any of them is handed out: a text that rows share takes room in each once it is copied.
            if (names.length > 0) left -= rows.sum(sizeOf, { from: start, to: upTo, most: left });
          } catch (error) {
            throw damaged(error);
          }
          if (left < 0) {
            const message = `${name} unpacks to more than ${maxUnpackedBytes} bytes; split it into several files`;
            throw new TrimtabError("payload_too_large", message);
          }
          for (let index = start; index < upTo; index++) {
            const value = names.length === 0 ? {} : plain(rows.row(index));
            yield { number: index + 1, value: { ...unread, ...value } };
          }
        }
        start = end;
      }

      /** All rows of a group, or as many as take half of the room on average: pages overlap the ranges that are read. */
      function rowsAtATime(group: RowGroup): number {
        const count = Number(group.num_rows);
        const read = chunksRead(group);
        const bytes = read.reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size ?? 0), 0);
        const values = read.reduce((sum, { meta_data: meta }) => sum + Number(meta?.num_values ?? 0), 0);
        const share = Math.max(bytes / maxGroupBytes, values / MAX_VALUES, (count * wanted.length) / MAX_VALUES);
        if (share <= 1) return Math.max(count, 1);
        if (!read.every(({ offset_index_length: length = 0 }) => length > 0)) {
          throw tooLarge(
            bytes > maxGroupBytes ? `of ${bytes} bytes` : `of ${Math.max(values, count * wanted.length)} values`,
          );
        }
        return Math.max(Math.floor(count / (2 * share)), 1);
      }

      function chunksRead({ columns: chunks }: RowGroup): RowGroup["columns"] {
        return chunks.filter(({ meta_data: meta }) => wanted.includes(meta?.path_in_schema[0] ?? ""));
      }

      /** Throws for pages that hold more than the footer says, by which the rows that are read at a time are chosen. */
      async function checkPages(group: RowGroup): Promise<void> {
        for (const { meta_data: meta } of chunksRead(group)) {
          if (meta === undefined) continue;
          const offset = Number(meta.dictionary_page_offset ?? 0n) || Number(meta.data_page_offset);
          const chunk = {
            offset: Math.min(offset, Number(meta.data_page_offset)),
            bytes: Number(meta.total_compressed_size),
          };
          try {
            const { values, largest } = await readPages(file, chunk);
            if (values > Number(meta.num_values) || largest > MAX_VALUES) {
              throw new Error(
                `a column's pages hold ${Math.max(values, largest)} values, which is more than its footer says`,
              );
            }
          } catch (error) {
            throw damaged(error);
          }
        }
      }

      function tooLarge(what: string): TrimtabError {
        const most = `${maxGroupBytes} bytes and ${MAX_VALUES} values`;
        const message = `${name} has a row group ${what}, and at most ${most} are read at a time; write it with smaller ones (row_group_size=1000), with an index of its pages (write_page_index=True), or as JSONL`;
        return new TrimtabError("payload_too_large", message);
      }

      async function readColumns(rowStart: number, rowEnd: number): Promise<ParquetColumns> {
        const take = roomOf(maxGroupBytes, () => tooLarge(`with more than that for ${rowEnd - rowStart} rows`));
        const read = new ParquetColumns(wanted);
        try {
          await parquetRead({
            ...{ file, metadata, columns: wanted, rowStart, rowEnd, useOffsetIndex: true },
            compressors: compressorsWithin(take),
            onChunk: (chunk) => read.add(chunk),
            parsers: { stringFromBytes },
          });
        } catch (error) {
          throw damaged(error);
        }
        return read;
      }
    },
  };
}

/** Allocates memory until `maxBytes` are used up; pages may claim any length. */
function roomOf(maxBytes: number, exceeded: () => TrimtabError): (length: number) => Uint8Array {
  let left = maxBytes;
  return (length) => {
    left -= length;
    if (left < 0) throw exceeded();
    return new Uint8Array(length);
  };
}

function compressorsWithin(room: (length: number) => Uint8Array): Compressors {
  return {
    SNAPPY: (input, length) => {
      const output = room(length);
      snappyUncompress(input, output);
      return output;
    },
    GZIP: (input, length) => gunzipSync(input, { out: room(length) }),
    ZSTD: (input, length) => unpackZstd(input, room(length)),
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes that are no text become an object, which no reader takes for one; they are not kept. */
function stringFromBytes(bytes: Uint8Array | null | undefined): unknown {
  if (bytes == null) return undefined;
  try {
    return UTF8.decode(bytes);
  } catch {
    return { "bytes that are not UTF-8": bytes.byteLength };
  }
}

/** About the bytes of a row's texts and numbers. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength * 8;
  let size = 8;
  for (const inner of Object.values(value)) size += sizeOf(inner);
  return size;
}

/** A row as a JSON value. */
function plain(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plainValue);
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array, Number);
  return plain(value as Record<string, unknown>);
}
