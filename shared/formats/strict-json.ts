import { type ErrorCode, messageOf, TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface StrictJsonOptions {
  /** The most levels of lists and objects; any number by default. */
  readonly maxDepth?: number;
  /** Whether to reject halves of characters, which are read as another character otherwise. */
  readonly wholeCharacters?: boolean;
}

/** For the records of datasets: what is trained on is what was written, and it is read by recursion. */
export const RECORD_JSON: StrictJsonOptions = { maxDepth: LIMITS.jsonNesting, wholeCharacters: true };

/**
 * `JSON.parse` that rejects duplicate keys, and what `options` say.
 *
 * The built-in parser silently keeps the last of two equal keys, so two readers of one file can see different
 * contents. Throws `code`, naming the key; `what` describes the text ("the header of model.safetensors").
 */
export function parseStrictJson(
  text: string,
  what: string,
  code: ErrorCode,
  { maxDepth = Number.POSITIVE_INFINITY, wholeCharacters = false }: StrictJsonOptions = {},
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TrimtabError(code, `${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  const lone = wholeCharacters ? findLoneSurrogate(text) : undefined;
  if (lone !== undefined) {
    throw new TrimtabError(code, `${what} has half of a character, ${lone}, which no text can hold; remove it`);
  }
  const { duplicate, depth } = scan(text);
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

/**
 * The first escape in valid JSON that is half of a pair, such as `\ud83d` alone. Encoders write another character in its place, so
 * that the text that is read is not the one that was written.
 */
function findLoneSurrogate(text: string): string | undefined {
  if (!/\\u[dD][89a-fA-F]/.test(text)) return undefined;
  // Escapes one by one, so that a backslash that is escaped itself begins none.
  for (const [sequence] of text.matchAll(/\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\./g)) {
    if (sequence.length === 6 && /^\\u[dD][89a-fA-F]/.test(sequence)) return sequence;
  }
  return undefined;
}

/** Scans valid JSON for the first key that an object repeats, and for how deep it is nested up to there. */
function scan(text: string): { readonly duplicate: string | undefined; readonly depth: number } {
  // One entry per open bracket: for an object, the keys seen so far; for an array, undefined.
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Set());
        depth = Math.max(depth, open.length);
        expectsKey = true;
        break;
      case 0x5b: // [
        open.push(undefined);
        depth = Math.max(depth, open.length);
        expectsKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectsKey = false;
        break;
      case 0x2c: // ,
        expectsKey = open.at(-1) !== undefined;
        break;
      case 0x22: {
        const end = endOfString(text, at);
        if (expectsKey) {
          const key = JSON.parse(text.slice(at, end)) as string;
          const keys = open.at(-1)!;
          if (keys.has(key)) return { duplicate: key, depth };
          keys.add(key);
          expectsKey = false;
        }
        at = end - 1;
        break;
      }
    }
  }
  return { duplicate: undefined, depth };
}

/** The index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1;
  return at + 1;
}
