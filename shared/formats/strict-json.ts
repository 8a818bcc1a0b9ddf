import { type ErrorCode, messageOf, TrimtabError } from "../errors.ts";

/**
 * `JSON.parse` that rejects duplicate keys.
 *
 * The built-in parser silently keeps the last of two equal keys, so two readers of one file can see different
 * contents. Throws `code`, naming the key; `what` describes the text ("the header of model.safetensors").
 */
export function parseStrictJson(text: string, what: string, code: ErrorCode): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TrimtabError(code, `${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  const duplicate = findDuplicateKey(text);
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

/** Scans valid JSON and returns the first key that an object repeats. */
function findDuplicateKey(text: string): string | undefined {
  // One entry per open bracket: for an object, the keys seen so far; for an array, undefined.
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Set());
        expectsKey = true;
        break;
      case 0x5b: // [
        open.push(undefined);
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
          if (keys.has(key)) return key;
          keys.add(key);
          expectsKey = false;
        }
        at = end - 1;
        break;
      }
    }
  }
  return undefined;
}

/** The index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1;
  return at + 1;
}
