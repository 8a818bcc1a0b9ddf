/**
 * A JSON object that holds a list of values beside other members, as API replies and task files do. The values are parsed one by
 * one, so only one is in memory at a time.
 */
import { TrimtabError } from "../errors.ts";
import { joinBytes } from "./join-bytes.ts";
import type { JsonlLine, JsonlOptions, JsonlReader } from "./jsonl.ts";
import { parseStrictJson, RECORD_JSON } from "./strict-json.ts";

export interface JsonListOptions extends JsonlOptions {
  /** The member whose value is the list. */
  readonly list: string;
  /** Makes a value from an entry and the members that stand before the list; the entry itself by default. Throws `invalid_file`. */
  readonly join?: ((entry: unknown, members: Readonly<Record<string, unknown>>) => unknown) | undefined;
  /** Whether objects may follow each other, each with its list. */
  readonly several?: boolean | undefined;
}

/** Bytes of everything but the entries. */
const MAX_MEMBERS_BYTES = 4 << 20;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isMark = (byte: number) => byte === 0xef || byte === 0xbb || byte === 0xbf;

/** Reads the entries chunk by chunk; `number` counts them from 1. Throws `invalid_file`. */
export function createJsonListReader(options: JsonListOptions): JsonlReader {
  const { name = "the file", maxLineBytes = 8 * 1024 * 1024, maxLines = 1_000_000, list } = options;
  const { join = (entry: unknown) => entry, several = false } = options;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let place: "outside" | "members" | "list" | "entry" = "outside";
  let objects = 0;
  let entries = 0;
  /** Entries of this object's list. */
  let ofList = 0;
  let hasList = false;
  let afterComma = false;
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** The object without its entries. */
  let members = new Uint8Array(1024);
  let filled = 0;
  /** Where the last string of the members begins and ends. */
  let string: readonly [number, number] = [0, 0];
  let key: string | undefined;
  let before: Readonly<Record<string, unknown>> = {};
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;

  const refuse = (problem: string, cause?: unknown) =>
    new TrimtabError("invalid_file", `${name} ${problem}`, { cause, data: { line: entries + 1 } });

  function textOf(bytes: Uint8Array, where: string): string {
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw refuse(`is not UTF-8 in ${where}; save it as UTF-8`, error);
    }
  }

  function membersWith(end: string): Record<string, unknown> {
    const text = textOf(members.subarray(0, filled), "its first members") + end;
    return parseStrictJson(text, name, "invalid_file", RECORD_JSON) as Record<string, unknown>;
  }

  function keep(byte: number): void {
    if (filled === MAX_MEMBERS_BYTES)
      throw refuse(`has more than ${filled} bytes beside the list ${JSON.stringify(list)}`);
    if (filled === members.length) {
      const larger = new Uint8Array(2 * filled);
      larger.set(members);
      members = larger;
    }
    members[filled++] = byte;
  }

  function hold(piece: Uint8Array): void {
    pieceBytes += piece.byteLength;
    if (pieceBytes > maxLineBytes) {
      throw refuse(`has an entry ${entries + 1} of more than ${maxLineBytes} bytes; split it or remove it`);
    }
    if (piece.byteLength > 0) pieces.push(piece);
  }

  function take(): JsonlLine {
    const bytes = joinBytes(pieces);
    pieces = [];
    pieceBytes = 0;
    entries += 1;
    ofList += 1;
    if (entries > maxLines) throw refuse(`has more than ${maxLines} entries; split it`);
    const what = `entry ${entries} of ${name}`;
    const entry = parseStrictJson(textOf(bytes, `entry ${entries}`), what, "invalid_file", RECORD_JSON);
    return { number: entries, value: join(entry, before) };
  }

  /** Follows strings and brackets. Returns whether the byte is outside strings. */
  function follow(byte: number): boolean {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return false;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1;
    return byte !== QUOTE;
  }

  function outside(byte: number): void {
    if (isSpace(byte) || (objects === 0 && isMark(byte))) return;
    if (objects > 0 && !several) throw refuse("continues after the end of its object; keep one list in a file");
    if (byte !== OPEN_OBJECT) throw refuse("must be a JSON object with a list, and nothing else");
    objects += 1;
    place = "members";
    [filled, depth, ofList, hasList, key] = [0, 1, 0, false, undefined];
    keep(byte);
  }

  function member(byte: number): void {
    keep(byte);
    const wasInString = inString;
    const counts = follow(byte);
    if (!wasInString && inString) string = [filled - 1, filled];
    else if (wasInString && !inString) string = [string[0], filled];
    if (!counts) return;
    if (byte === COLON && depth === 1) {
      const text = textOf(members.subarray(...string), "the name of a member");
      key = parseStrictJson(text, name, "invalid_file", RECORD_JSON) as string;
    } else if (byte === OPEN_LIST && depth === 2 && key === list && !hasList) {
      hasList = true;
      depth = 1;
      before = membersWith("]}");
      place = "list";
      afterComma = false;
    } else if (depth === 0) {
      membersWith("");
      if (!hasList) throw refuse(`has an object ${objects} without the list ${JSON.stringify(list)}`);
      place = "outside";
    }
  }

  /** Handles a byte between two entries. Returns whether an entry begins with it. */
  function begins(byte: number): boolean {
    if (isSpace(byte)) return false;
    if (byte === COMMA && ofList > 0 && !afterComma) {
      afterComma = true;
      return false;
    }
    if (byte === CLOSE_LIST && !afterComma) {
      keep(byte);
      place = "members";
      return false;
    }
    if (byte !== OPEN_OBJECT) throw refuse(`has an entry ${entries + 1} that is not a JSON object`);
    if (ofList > 0 && !afterComma) throw refuse(`lacks a comma before entry ${entries + 1}`);
    afterComma = false;
    return true;
  }

  return {
    push(chunk) {
      const found: JsonlLine[] = [];
      let start = 0;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at]!;
        if (place === "outside") outside(byte);
        else if (place === "members") member(byte);
        else {
          if (place === "list") {
            if (!begins(byte)) continue;
            place = "entry";
            depth = 0;
            start = at;
          }
          if (!follow(byte) || depth > 0) continue;
          hold(chunk.subarray(start, at + 1));
          found.push(take());
          place = "list";
          depth = 1;
        }
      }
      // Copied, because the caller may reuse the chunk's memory.
      if (place === "entry") hold(chunk.slice(start));
      return found;
    },
    end() {
      if (place !== "outside" || objects === 0) throw refuse("ends before its object does; is it complete?");
      if (entries === 0) throw refuse(`is empty: its list ${JSON.stringify(list)} has no entry`);
      return [];
    },
  };
}
