/**
 * JSON Lines: one JSON value per line, in UTF-8. A byte order mark, CRLF line endings and blank lines are accepted. Any other
 * fault is an error with its line number, so a file is read completely or not at all.
 */

import { TrimtabError } from "../errors.ts";
import { joinBytes } from "./join-bytes.ts";
import { parseStrictJson, RECORD_JSON } from "./strict-json.ts";

export interface JsonlOptions {
  /** The file's name in error messages; "the file" by default. */
  readonly name?: string;
  /** 8 MiB by default. */
  readonly maxLineBytes?: number;
  /** 1,000,000 by default. */
  readonly maxLines?: number;
}

export interface JsonlLine {
  /** Counted from 1. */
  readonly number: number;
  readonly value: unknown;
}

/** Reads a file chunk by chunk, buffering no more than one line. */
export interface JsonlReader {
  /** Returns the lines that this chunk completes. Throws `invalid_file`. */
  push(chunk: Uint8Array): JsonlLine[];
  /** Returns the last line if no line break ended it. Throws `invalid_file` when the file had no lines at all. */
  end(): JsonlLine[];
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export function createJsonlReader(options: JsonlOptions = {}): JsonlReader {
  const { name = "the file", maxLineBytes = 8 * 1024 * 1024, maxLines = 1_000_000 } = options;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let lines = 0;
  let values = 0;

  function refuse(line: number, problem: string, cause?: unknown): TrimtabError {
    return new TrimtabError("invalid_file", `line ${line} of ${name} ${problem}`, { cause, data: { line } });
  }

  function hold(piece: Uint8Array): void {
    pieceBytes += piece.byteLength;
    if (pieceBytes > maxLineBytes) {
      throw refuse(lines + 1, `is longer than ${maxLineBytes} bytes; split it or remove it`);
    }
    if (piece.byteLength > 0) pieces.push(piece);
  }

  function take(): JsonlLine[] {
    const bytes = trimLine(pieces.length === 1 ? pieces[0]! : joinBytes(pieces), lines === 0);
    pieces = [];
    pieceBytes = 0;
    lines += 1;
    if (lines > maxLines) throw refuse(lines, `is one too many: at most ${maxLines} lines are allowed`);
    if (lines === 1 && bytes.length >= 2 && (bytes[0]! + bytes[1]! === 0x1fd || bytes[0] === 0 || bytes[1] === 0)) {
      throw refuse(1, "is not UTF-8 (it looks like UTF-16); save the file as UTF-8");
    }
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch (error) {
      throw refuse(lines, "is not UTF-8; save the file as UTF-8", error);
    }
    if (text.trim() === "") return [];
    values += 1;
    return [{ number: lines, value: parseStrictJson(text, `line ${lines} of ${name}`, "invalid_file", RECORD_JSON) }];
  }

  return {
    push(chunk) {
      const found: JsonlLine[] = [];
      let start = 0;
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, start)) {
        hold(chunk.subarray(start, at));
        found.push(...take());
        start = at + 1;
      }
      // Copied, because the caller may reuse the chunk's memory.
      hold(chunk.slice(start));
      return found;
    },
    end() {
      const found = pieceBytes > 0 ? take() : [];
      if (values === 0) {
        throw new TrimtabError("invalid_file", `${name} is empty; it needs one JSON object on each line`);
      }
      return found;
    },
  };
}

/** Reads every line of a file in memory. Throws `invalid_file`. */
export function* parseJsonl(bytes: Uint8Array, options: JsonlOptions = {}): Generator<JsonlLine, void, undefined> {
  const reader = createJsonlReader(options);
  const step = 1 << 20;
  for (let at = 0; at < bytes.byteLength; at += step) yield* reader.push(bytes.subarray(at, at + step));
  yield* reader.end();
}

/** Removes a byte order mark from the first line, and the carriage return of a CRLF line ending. */
function trimLine(line: Uint8Array, isFirst: boolean): Uint8Array {
  const start = isFirst && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
  const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return line.subarray(start, Math.max(start, end));
}
