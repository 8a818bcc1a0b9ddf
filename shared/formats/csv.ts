/** Tables as text (RFC 4180): cells separated by commas, semicolons or tabs, quoted if necessary; names in row 1. */
import Papa from "papaparse";
import { TrimtabError } from "../errors.ts";
import type { JsonlLine, JsonlOptions, JsonlReader } from "./jsonl.ts";

const linesIn = (text: string) => text.split("\n").length - 1;

export interface CsvReader extends JsonlReader {
  /** The names of the columns; empty before the first row was read. */
  readonly columns: readonly string[];
}

/** As many as a Parquet file may have: each row becomes an object of so many fields. */
const MAX_COLUMNS = 2000;

const DELIMITERS = [",", "\t", ";"] as const;

/** The delimiter of a header: the most frequent one outside quotes; undefined if there is none. */
export function csvDelimiter(header: string): string | undefined {
  const unquoted = header.replaceAll(/"(?:[^"]|"")*"/g, "");
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: unquoted.split(delimiter).length - 1 }));
  return counted.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count)[0]?.delimiter;
}

/**
 * Reads a table chunk by chunk, with no more of it in memory than a chunk and a row. A row's value is an object of texts by column
 * name; its `number` counts from 1 after the header. Throws `invalid_file`.
 */
export function createCsvReader(options: JsonlOptions = {}): CsvReader {
  const { name = "the file", maxLineBytes = 8 * 1024 * 1024, maxLines = 1_000_000 } = options;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let parser: Papa.Parser | undefined;
  let columns: string[] | undefined;
  let rows = 0;
  /** Lines before `text`. */
  let lines = 0;
  /** Text that is too short for another look: an unfinished row is read again only once it has doubled. */
  let waitsFor = 0;

  const refuse = (problem: string, cause?: unknown) =>
    new TrimtabError("invalid_file", problem, { cause, data: { line: rows + 1 } });

  function decode(chunk: Uint8Array | undefined): string {
    try {
      return chunk === undefined ? utf8.decode() : utf8.decode(chunk, { stream: true });
    } catch (error) {
      throw refuse(`${name} is not UTF-8 after row ${rows}; save it as UTF-8 ("CSV UTF-8" in Excel)`, error);
    }
  }

  /** The line of a place in `text`, counted from 1. */
  const lineAt = (place: number) => lines + linesIn(text.slice(0, place)) + 1;

  function parse(isLast: boolean): JsonlLine[] {
    if (!isLast && text.length < waitsFor) return [];
    if (parser === undefined) {
      const end = text.indexOf("\n");
      if (end < 0 && !isLast) return limit();
      const zero = text.slice(0, 2).indexOf("\0");
      if (zero >= 0) throw refuse(`${name} is not UTF-8 (it looks like UTF-16); save it as UTF-8`);
      const delimiter = csvDelimiter(end < 0 ? text : text.slice(0, end)) ?? ",";
      parser = new Papa.Parser({ delimiter, newline: text[end - 1] === "\r" ? "\r\n" : "\n" });
    }
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<string[]>;
    // A row that is still arriving may look wrong.
    const error = errors.find(({ row = 0 }) => isLast || row < data.length);
    if (error !== undefined) {
      const at = error.index ?? 0;
      const problem =
        error.code === "MissingQuotes"
          ? `a quote that opens in line ${lineAt(at)} and is not closed`
          : `a quote inside a quoted cell in line ${lineAt(at)}`;
      throw refuse(
        `row ${rows + (error.row ?? 0) + (columns === undefined ? 0 : 1)} of ${name} has ${problem}; double the quotes in a cell`,
      );
    }
    const found = data.flatMap(readRow);
    lines += linesIn(text.slice(0, meta.cursor));
    text = text.slice(meta.cursor);
    waitsFor = Math.min(2 * text.length, maxLineBytes + 1);
    return [...found, ...limit()];
  }

  /** `text` contains only an unfinished row. */
  function limit(): [] {
    if (text.length <= maxLineBytes) return [];
    const row = `row ${rows + 1} of ${name}, which begins in line ${lines + 1},`;
    throw refuse(`${row} has more than ${maxLineBytes} characters; is a quote left open?`);
  }

  function readRow(cells: readonly string[]): JsonlLine[] {
    if (cells.every((cell) => cell === "") && cells.length <= 1) return [];
    if (columns === undefined) {
      if (cells.length > MAX_COLUMNS) {
        throw refuse(`${name} has ${cells.length} columns; at most ${MAX_COLUMNS} are read, so leave some out`);
      }
      columns = cells.map((cell) => cell.trim());
      const twice = columns.find((column, at) => column !== "" && columns!.indexOf(column) !== at);
      if (twice !== undefined)
        throw refuse(`${name} has the column ${JSON.stringify(twice)} twice; rename one of them`);
      return [];
    }
    rows += 1;
    if (rows > maxLines) throw refuse(`${name} has more than ${maxLines} rows; split it`);
    if (cells.some((cell) => cell.includes("\0"))) {
      throw refuse(`row ${rows} of ${name} has a NUL character, which no text should hold; remove it`);
    }
    if (cells.length !== columns.length) {
      throw refuse(
        `row ${rows} of ${name} has ${cells.length} cells, but there are ${columns.length} columns; put quotes around cells that contain commas or line breaks`,
      );
    }
    // A column without a name is the row's number, as pandas writes it.
    const named = columns.map((column, at) => [column, cells[at]!] as const).filter(([column]) => column !== "");
    return [{ number: rows, value: Object.fromEntries(named) }];
  }

  return {
    get columns() {
      return columns ?? [];
    },
    push(chunk) {
      text += decode(chunk);
      return parse(false);
    },
    end() {
      text += decode(undefined);
      const found = parse(true);
      if (rows === 0) throw refuse(`${name} is empty; it needs a row of column names and rows of data`);
      return found;
    },
  };
}
