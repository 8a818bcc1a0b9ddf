import { type ErrorCode, messageOf, TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface StrictJsonOptions {
  /** The most levels of lists and objects; any number by default. */
  readonly maxDepth?: number;
  /** Whether to reject halves of characters, which are read as another character otherwise. */
  readonly wholeCharacters?: boolean;
  /** The most values, and names of members, in all of the text; any number by default. Each takes time that nothing can interrupt. */
  readonly maxValues?: number;
  readonly maxKeys?: number;
  /** The error of a text with more; `code` by default. */
  readonly tooMany?: ErrorCode;
}

/** For the records of datasets: what is trained on is what was written, and it is read by recursion. */
export const RECORD_JSON: StrictJsonOptions = {
  maxDepth: LIMITS.jsonNesting,
  wholeCharacters: true,
  maxValues: LIMITS.jsonValues,
  maxKeys: LIMITS.jsonKeys,
};

/**
 * `JSON.parse` that rejects duplicate keys, and what `options` say.
 *
 * The built-in parser silently keeps the last of two equal keys, so two readers of one file can see different
 * contents. Throws `code`, naming the key; `what` describes the text ("the header of model.safetensors").
 */
export function parseStrictJson(text: string, what: string, code: ErrorCode, options: StrictJsonOptions = {}): unknown {
  const { maxDepth = Number.POSITIVE_INFINITY, wholeCharacters = false, tooMany = code } = options;
  const { duplicate, depth, lone, exceeded } = scan(text, options);
  if (exceeded !== undefined) {
    throw new TrimtabError(tooMany, `${what} has more than ${exceeded}, and no more are read together; split it`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TrimtabError(code, `${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  if (wholeCharacters && lone !== undefined) {
    throw new TrimtabError(code, `${what} has half of a character, ${lone}, which no text can hold; remove it`);
  }
  if (depth > maxDepth) {
    const most = `at most ${maxDepth} levels of lists and objects are read`;
    throw new TrimtabError(code, `${what} is nested ${depth} levels deep; ${most}`);
  }
  if (duplicate !== undefined) {
    throw new TrimtabError(code, `${what} has the key ${quoteName(duplicate)} twice; keep one of them`, {
      data: { key: duplicate },
    });
  }
  return value;
}

/** A name from a file, made safe for an error message: quoted, control characters escaped, cut to 120 characters. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}

interface Scan {
  /** The first key that an object repeats. */
  readonly duplicate: string | undefined;
  readonly depth: number;
  /**
   * The first escape that is half of a pair, such as `\ud83d` alone. Encoders write another character in its place, so that the
   * text that is read is not the one that was written.
   */
  readonly lone: string | undefined;
  /** Of which there are more than may be. */
  readonly exceeded: string | undefined;
}

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c] as const;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const;

/** An open list; an object without keys so far; the only key of an object so far; or all its keys. */
type Open = "list" | "object" | { readonly key: string } | Set<string>;

/** Looks through text before it is parsed, since a parser cannot be stopped. Text that is not JSON gives any answer. */
function scan(
  text: string,
  { maxValues = Number.POSITIVE_INFINITY, maxKeys = Number.POSITIVE_INFINITY }: StrictJsonOptions,
): Scan {
  const open: Open[] = [];
  let expectsKey = false;
  let [depth, values, keys] = [0, 1, 0];
  let duplicate: string | undefined;
  let lone: string | undefined;
  const readString = stringReader(text);
  const found = (exceeded?: string): Scan => ({ duplicate, depth, lone, exceeded });
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
      case OPEN_LIST: {
        const isObject = text.charCodeAt(at) === OPEN_OBJECT;
        open.push(isObject ? "object" : "list");
        if (open.length > depth) depth = open.length;
        expectsKey = isObject;
        if (++values > maxValues) return found(`${maxValues} values`);
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop();
        expectsKey = false;
        break;
      case COMMA:
        expectsKey = open.length > 0 && open.at(-1) !== "list";
        if (++values > maxValues) return found(`${maxValues} values`);
        break;
      case COLON:
        if (++keys > maxKeys) return found(`${maxKeys} names of members`);
        break;
      case QUOTE: {
        const string = readString(at);
        if (string.end > text.length) return found();
        lone ??= string.lone;
        if (expectsKey && duplicate === undefined) {
          const key = string.escaped ? unescaped(text.slice(at, string.end)) : text.slice(at + 1, string.end - 1);
          if (key !== undefined && !remember(open, key)) duplicate = key;
        }
        expectsKey = false;
        at = string.end - 1;
        break;
      }
    }
  }
  return found();
}

/** Adds a key to the innermost object. Returns false if it has it already. */
function remember(open: Open[], key: string): boolean {
  const innermost = open.at(-1);
  if (innermost instanceof Set) {
    if (innermost.has(key)) return false;
    innermost.add(key);
  } else if (innermost === "object") open[open.length - 1] = { key };
  else if (typeof innermost === "object") {
    if (innermost.key === key) return false;
    open[open.length - 1] = new Set([innermost.key, key]);
  }
  return true;
}

function unescaped(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    // The parser says what is wrong with it.
    return undefined;
  }
}

interface ScannedString {
  /** The index after the closing quote; beyond the text if there is none. */
  readonly end: number;
  readonly escaped: boolean;
  readonly lone: string | undefined;
}

/** Reads the strings of a text, from first to last. */
function stringReader(text: string): (start: number) => ScannedString {
  // The next of each, found once however many of the other stand before it.
  let quote = -1;
  let slash = -1;
  return (start) => {
    let lone: string | undefined;
    let escaped = false;
    for (let at = start + 1; ; ) {
      if (quote < at) quote = next(text, '"', at);
      if (slash < at) slash = next(text, "\\", at);
      if (quote >= text.length) return { end: text.length + 1, escaped, lone };
      if (slash > quote) return { end: quote + 1, escaped, lone };
      escaped = true;
      // An escape is read whole, so that a backslash that is escaped itself begins none.
      if (text.charCodeAt(slash + 1) !== LETTER_U) at = slash + 2;
      else if (isHalf(text, slash, HIGH) && isHalf(text, slash + 6, LOW)) at = slash + 12;
      else {
        if (isHalf(text, slash, HIGH) || isHalf(text, slash, LOW)) lone ??= text.slice(slash, slash + 6);
        at = slash + 6;
      }
    }
  };
}

function next(text: string, letter: string, from: number): number {
  const found = text.indexOf(letter, from);
  return found < 0 ? text.length : found;
}

const LETTER_U = 0x75;
/** The second digits of the first and of the last half of a character. */
const [HIGH, LOW] = ["89abAB", "cdefCDEF"] as const;

/** Whether there is an escape of half a character, such as `\\ud83d`. */
function isHalf(text: string, at: number, digits: string): boolean {
  if (text.charCodeAt(at) !== BACKSLASH || text.charCodeAt(at + 1) !== LETTER_U) return false;
  return (text.charCodeAt(at + 2) | 0x20) === 0x64 && at + 3 < text.length && digits.includes(text.charAt(at + 3));
}
