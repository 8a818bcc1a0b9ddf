/** Apache Parquet tables, read with hyparquet, one row group at a time. */
import { gunzipSync } from "fflate";
import { decompress as unpackZstd } from "fzstd";
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  snappyUncompress,
} from "hyparquet";
import { messageOf, TrimtabError } from "../errors.ts";
import type { JsonlLine } from "./jsonl.ts";

export interface ParquetOptions {
  /** The file's name in error messages; "the file" by default. */
  readonly name?: string;
  /** 1,000,000 by default. */
  readonly maxRows?: number;
  /** The most unpacked bytes of the chosen columns in a row group, which are in memory together. */
  readonly maxGroupBytes: number;
}

export interface ParquetTable {
  readonly columns: readonly string[];
  /** The rows, counted from 1, in which columns that were not chosen are null. Throws `invalid_file`. */
  rows(chosen: (column: string) => boolean): AsyncGenerator<JsonlLine, void, undefined>;
}

const CODECS: readonly string[] = ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"];
const MAX_FOOTER_BYTES = 16 << 20;
/** The bytes after a footer: its length and the file's magic number. */
const TAIL_BYTES = 8;

/** Opens a table, reading its footer. Throws `invalid_file` for a damaged file and `payload_too_large` past a limit. */
export async function openParquet(file: AsyncBuffer, options: ParquetOptions): Promise<ParquetTable> {
  const { name = "the file", maxRows = 1_000_000, maxGroupBytes } = options;
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
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  const total = Number(metadata.num_rows);
  if (total > maxRows) throw refuse(`has ${total} rows; at most ${maxRows} are allowed, so split it`);
  if (total === 0) throw refuse("is empty; it needs at least one row");
  const codecs = metadata.row_groups.flatMap((group) => group.columns.map(({ meta_data: meta }) => meta?.codec));
  const foreign = codecs.find((codec) => codec !== undefined && !CODECS.includes(codec));
  if (foreign !== undefined) {
    throw refuse(`is compressed with ${foreign}; write it with compression="snappy", "gzip" or "zstd"`);
  }

  return {
    columns,
    async *rows(chosen) {
      const names = columns.filter(chosen);
      const unread = Object.fromEntries(columns.map((name) => [name, null]));
      // Rows are counted by a column.
      const wanted = names.length === 0 ? columns.slice(0, 1) : names;
      let start = 0;
      for (const group of metadata.row_groups) {
        const bytes = group.columns
          .filter(({ meta_data: meta }) => wanted.includes(meta?.path_in_schema[0] ?? ""))
          .reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size ?? 0), 0);
        if (bytes > maxGroupBytes) {
          const message = `${name} has a row group of ${bytes} bytes, and at most ${maxGroupBytes} are read at a time; write it with smaller ones (row_group_size=1000), or as JSONL`;
          throw new TrimtabError("payload_too_large", message);
        }
        const end = start + Number(group.num_rows);
        for (const [index, row] of (await readGroup(start, end)).entries()) {
          yield { number: start + index + 1, value: { ...unread, ...plain(names.length === 0 ? {} : row) } };
        }
        start = end;
      }

      async function readGroup(rowStart: number, rowEnd: number): Promise<Record<string, unknown>[]> {
        try {
          return await parquetReadObjects({
            ...{ file, metadata, columns: wanted, rowStart, rowEnd },
            compressors: compressorsUpTo(maxGroupBytes),
          });
        } catch (error) {
          throw damaged(error);
        }
      }
    },
  };
}

/** Unpacks pages; checks a page's claimed length before allocating memory for it. */
function compressorsUpTo(maxBytes: number): Compressors {
  const room = (length: number): Uint8Array => {
    if (length <= maxBytes) return new Uint8Array(length);
    throw new Error(`a page unpacks to ${length} bytes`);
  };
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
