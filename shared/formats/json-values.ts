/**
 * JSON files that are not JSON Lines: one array of values across any number of lines, or values one after another, as
 * `jq` prints them. Each value is parsed separately, so only one is in memory at a time.
 */
import { TrimtabError } from "../errors.ts";
import { joinBytes } from "./join-bytes.ts";
import type { JsonlLine, JsonlOptions, JsonlReader } from "./jsonl.ts";
import { parseStrictJson, RECORD_JSON } from "./strict-json.ts";

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Reads the values chunk by chunk; `number` counts them from 1. The limits of `JsonlOptions` apply to a value. Throws
 * `invalid_file`.
 */
export function createJsonValuesReader(options: JsonlOptions = {}): JsonlReader {
  const { name = "the file", maxLineBytes = 8 * 1024 * 1024, maxLines = 1_000_000 } = options;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let state: "before" | "between" | "inside" | "after" = "before";
  let isArray = false;
  let afterComma = false;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let values = 0;

  const refuse = (problem: string, cause?: unknown) =>
    new TrimtabError("invalid_file", `${name} ${problem}`, { cause, data: { line: values + 1 } });

  function hold(piece: Uint8Array): void {
    pieceBytes += piece.byteLength;
    if (pieceBytes > maxLineBytes) {
      throw refuse(`has an entry ${values + 1} of more than ${maxLineBytes} bytes; split it or remove it`);
    }
    if (piece.byteLength > 0) pieces.push(piece);
  }

  function take(): JsonlLine {
    const bytes = joinBytes(pieces);
    pieces = [];
    pieceBytes = 0;
    values += 1;
    if (values > maxLines) throw refuse(`has more than ${maxLines} entries; split it`);
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch (error) {
      throw refuse(`is not UTF-8 in entry ${values}; save it as UTF-8`, error);
    }
    return { number: values, value: parseStrictJson(text, `entry ${values} of ${name}`, "invalid_file", RECORD_JSON) };
  }

  /** Whether the byte is the last one of the current value. */
  function closes(byte: number): boolean {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return false;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1;
    return depth === 0 && (byte === CLOSE_OBJECT || byte === CLOSE_LIST);
  }

  /** Handles a byte between two values. Returns whether a value begins with it. */
  function begins(byte: number): boolean {
    if (isSpace(byte)) return false;
    if (state === "before") {
      // A byte order mark.
      if (byte === 0xef || byte === 0xbb || byte === 0xbf) return false;
      isArray = byte === OPEN_LIST;
      state = "between";
      if (isArray) return false;
    }
    if (state === "after") throw refuse("continues after the end of its list; keep one list in a file");
    if (isArray && byte === COMMA && values > 0 && !afterComma) {
      afterComma = true;
      return false;
    }
    if (isArray && byte === CLOSE_LIST && !afterComma) {
      state = "after";
      return false;
    }
    if (byte !== OPEN_OBJECT) throw refuse(`has an entry ${values + 1} that is not a JSON object`);
    if (isArray && values > 0 && !afterComma) throw refuse(`lacks a comma before entry ${values + 1}`);
    afterComma = false;
    return true;
  }

  return {
    push(chunk) {
      const found: JsonlLine[] = [];
      let start = 0;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at]!;
        if (state !== "inside") {
          if (!begins(byte)) continue;
          state = "inside";
          start = at;
        }
        if (!closes(byte)) continue;
        hold(chunk.subarray(start, at + 1));
        found.push(take());
        state = "between";
      }
      // Copied, because the caller may reuse the chunk's memory.
      if (state === "inside") hold(chunk.slice(start));
      return found;
    },
    end() {
      if (state === "inside") throw refuse(`ends in the middle of entry ${values + 1}; is it complete?`);
      if (isArray && state !== "after") throw refuse("ends before its list does; is it complete?");
      if (values === 0) throw refuse("is empty; it needs a list of JSON objects");
      return [];
    },
  };
}
