/**
 * Reads datasets in common forms: JSON Lines, a JSON array, CSV or TSV, each also compressed, and Parquet. Detects the
 * form from the bytes, never from the file's name.
 */
import { TrimtabError } from "../errors.ts";
import { createCsvReader, csvDelimiter } from "../formats/csv.ts";
import { createGzipReader, type Unpacker } from "../formats/gzip-reader.ts";
import { joinBytes } from "../formats/join-bytes.ts";
import { createJsonListReader } from "../formats/json-list.ts";
import { createJsonValuesReader } from "../formats/json-values.ts";
import { createJsonlReader, type JsonlLine, type JsonlReader } from "../formats/jsonl.ts";
import { createZstdReader } from "../formats/zstd-reader.ts";
import type { RecordPlace } from "./columns.ts";
import { DATASET_COLUMNS } from "./dataset-kinds/registry.ts";
import { type WrappedList, wrappedList } from "./wrapped-list.ts";

export type DatasetForm = "jsonl" | "json" | "csv" | "parquet";

export type Compression = "gzip" | "zstd";

/** What the records of a form are called. */
export const RECORD_UNITS: Readonly<Record<DatasetForm, RecordPlace["unit"]>> = {
  jsonl: "line",
  json: "entry",
  csv: "row",
  parquet: "row",
};

export interface DatasetReader {
  /** undefined until enough has been read to detect it. */
  readonly form: DatasetForm | undefined;
  readonly compression: Compression | null;
  /** Unpacked bytes so far. */
  readonly bytesRead: number;
  /** Returns the records that this chunk completes; none for Parquet, which is read from its end. Throws `invalid_file`. */
  push(chunk: Uint8Array): JsonlLine[];
  /** Like `push`, in steps that each take a few milliseconds, whatever the chunk unpacks to: what each of them completes. */
  steps(chunk: Uint8Array): Generator<readonly JsonlLine[], void>;
  /** Returns the last records. Throws `invalid_file` for an empty file or one that is cut off. */
  end(): JsonlLine[];
}

export interface DatasetReaderOptions {
  /** What messages call the file; "the file" by default. */
  readonly name?: string;
  /** Bytes that a compressed file may unpack to. */
  readonly maxUnpackedBytes: number;
}

/** Enough to hold the first line of a file, which may be needed to detect its form. */
const HEAD_BYTES = 64 * 1024;

/** Unpacked bytes of a step, which may be as many blank lines or a thousand short records. */
const STEP_BYTES = 8 * 1024;
/** Packed ones, which unpack to a thousand times as many at most. */
const PACKED_STEP_BYTES = 2 * 1024;

/** Files that are recognised but not read, by their first bytes, with what to do instead. */
const REFUSED: readonly (readonly [start: readonly number[], what: string])[] = [
  [
    [0x50, 0x4b, 0x03, 0x04],
    "a zip archive or an Excel workbook; upload the file inside it, or save the sheet as CSV UTF-8",
  ],
  [[0xd0, 0xcf, 0x11, 0xe0], "an Excel workbook; save the sheet as CSV UTF-8"],
  [[0x42, 0x5a, 0x68], "compressed with bzip2; unpack it, or compress it with gzip"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "compressed with xz; unpack it, or compress it with gzip"],
  [[0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], "an Arrow file; save it with to_parquet or to_json(lines=True)"],
  [[0xff, 0xff, 0xff, 0xff], "an Arrow stream; save it with to_parquet or to_json(lines=True)"],
  [[0x80, 0x02], "a pickle file, which can run code and is never read; save the data as JSONL"],
  [[0x80, 0x04], "a pickle file, which can run code and is never read; save the data as JSONL"],
  [[0x80, 0x05], "a pickle file, which can run code and is never read; save the data as JSONL"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF document; write its questions and answers as JSONL or CSV"],
];
/** What zstd's readers pass over; pzstd begins its files with one. */
const SKIPPABLE_FRAMES = Array.from({ length: 16 }, (_, kind) => [0x50 + kind, 0x2a, 0x4d, 0x18]);
const UNPACKERS: readonly {
  readonly compression: Compression;
  readonly starts: readonly (readonly number[])[];
  readonly create: (maxBytes: number) => Unpacker;
}[] = [
  { compression: "gzip", starts: [[0x1f, 0x8b]], create: createGzipReader },
  { compression: "zstd", starts: [[0x28, 0xb5, 0x2f, 0xfd], ...SKIPPABLE_FRAMES], create: createZstdReader },
];
const PARQUET = [0x50, 0x41, 0x52, 0x31];
const startsWith = (bytes: Uint8Array, start: readonly number[]) => start.every((byte, at) => bytes[at] === byte);

/** Reads a dataset as it arrives, with no more of it in memory than a chunk and a record. */
export function createDatasetReader(options: DatasetReaderOptions): DatasetReader {
  const { name = "the file", maxUnpackedBytes } = options;
  let head: Uint8Array[] | undefined = [];
  let headBytes = 0;
  let compression: Compression | null = null;
  let unpacker: Unpacker | undefined;
  let form: DatasetForm | undefined;
  let reader: JsonlReader | undefined;
  let bytesRead = 0;

  /**
   * Tries to detect the form from what has been read so far; `isLast` if there is no more. Returns whether it
   * succeeded.
   */
  function decide(isLast: boolean): boolean {
    const bytes = joinBytes(head!);
    const packed =
      compression === null
        ? UNPACKERS.find(({ starts }) => starts.some((start) => startsWith(bytes, start)))
        : undefined;
    if (packed !== undefined) {
      compression = packed.compression;
      unpacker = packed.create(maxUnpackedBytes);
      head = unpacker.push(bytes);
      headBytes = head.reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (isLast) head.push(...unpacker.end());
      return decide(isLast);
    }
    if (!isLast && headBytes < HEAD_BYTES && !hasFirstRecord(bytes)) return false;
    form = formOf(bytes, name, compression);
    const list = form === "jsonl" || form === "json" ? listIn(bytes) : undefined;
    if (list !== undefined) {
      form = "json";
      reader = createJsonListReader({ name, ...list });
    } else reader = form === "parquet" ? undefined : READERS[form]({ name });
    return true;
  }

  function* feed(chunks: readonly Uint8Array[]): Generator<JsonlLine[], void> {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.byteLength; at += STEP_BYTES) {
        const step = chunk.subarray(at, at + STEP_BYTES);
        bytesRead += step.byteLength;
        yield reader === undefined ? [] : reader.push(step);
      }
    }
  }

  function* start(): Generator<JsonlLine[], void> {
    const chunks = head!;
    head = undefined;
    yield* feed(chunks);
  }

  function* steps(chunk: Uint8Array): Generator<JsonlLine[], void> {
    for (let at = 0; at < chunk.byteLength; ) {
      // Until the form is known, a chunk may turn out to be packed.
      const size = head === undefined && unpacker === undefined ? chunk.byteLength : PACKED_STEP_BYTES;
      const piece = chunk.subarray(at, at + size);
      at += size;
      const chunks = unpacker === undefined ? [piece] : unpacker.push(piece);
      if (head === undefined) {
        yield* feed(chunks);
        continue;
      }
      // Copied, because the caller may reuse the chunk's memory.
      head.push(...chunks.map((part) => new Uint8Array(part)));
      headBytes += chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (decide(false)) yield* start();
    }
  }

  return {
    get form() {
      return form;
    },
    get compression() {
      return compression;
    },
    get bytesRead() {
      return bytesRead;
    },
    push: (chunk) => [...steps(chunk)].flat(),
    steps,
    end() {
      const found: JsonlLine[] = [];
      if (head === undefined) {
        if (unpacker !== undefined) found.push(...[...feed(unpacker.end())].flat());
      } else {
        if (unpacker !== undefined) head.push(...unpacker.end());
        decide(true);
        found.push(...[...start()].flat());
      }
      return reader === undefined ? found : [...found, ...reader.end()];
    },
  };
}

const READERS: Readonly<Record<Exclude<DatasetForm, "parquet">, (options: { name: string }) => JsonlReader>> = {
  jsonl: createJsonlReader,
  json: createJsonValuesReader,
  csv: createCsvReader,
};

/** Whether there is a whole first line, and not only the beginning of an object that goes on for lines. */
function hasFirstRecord(bytes: Uint8Array): boolean {
  const first = bytes.findIndex((byte) => byte > 0x20);
  const end = first < 0 ? -1 : bytes.indexOf(0x0a, first);
  if (end < 0) return false;
  const line = new TextDecoder().decode(bytes.subarray(first, end));
  return !line.startsWith("{") || !UNFINISHED.test(line);
}

/** A line of valid JSON never ends like this, and one of pretty-printed JSON often does. */
const UNFINISHED = /[{[,]\s*$/;

/** The list of examples in a file that is one object around it. */
function listIn(bytes: Uint8Array): WrappedList | undefined {
  const head = new TextDecoder().decode(bytes).trimStart();
  return head.startsWith("{") ? wrappedList(head) : undefined;
}

function formOf(bytes: Uint8Array, name: string, compression: Compression | null): DatasetForm {
  const refuse = (what: string) => new TrimtabError("invalid_file", `${name} is ${what}`);
  const known = REFUSED.find(([start]) => startsWith(bytes, start));
  if (known !== undefined) throw refuse(known[1]);
  if (startsWith(bytes, PARQUET)) {
    if (compression !== null) {
      throw refuse(`a Parquet file in ${compression}; upload it without, since Parquet is compressed already`);
    }
    return "parquet";
  }
  if (compression !== null && new TextDecoder().decode(bytes.subarray(257, 262)) === "ustar") {
    throw refuse("an archive with files in it; upload the file itself, compressed or not");
  }
  const [line = ""] = new TextDecoder().decode(bytes).trimStart().split(/\r?\n/, 1);
  if (line.startsWith("[")) return "json";
  if (line.startsWith("{")) return UNFINISHED.test(line) ? "json" : "jsonl";
  return isHeader(line) ? "csv" : "jsonl";
}

/** Whether a line is the header of a table: names between delimiters, or the only column. */
function isHeader(line: string): boolean {
  const delimiter = csvDelimiter(line);
  const names = (delimiter === undefined ? [line] : line.split(delimiter)).map((cell) =>
    cell.replaceAll('"', "").trim(),
  );
  if (names.some((cell) => DATASET_COLUMNS.has(cell))) return true;
  return delimiter !== undefined && names.every((cell) => /^[\w .-]{0,64}$/.test(cell));
}
