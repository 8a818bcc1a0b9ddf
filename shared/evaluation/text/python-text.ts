/**
 * Texts as the reference verifiers see them. They are Python: characters are code points, white space is not quite JavaScript's, and
 * `\w` knows letters and digits of every script but no combining marks.
 */

/** Python's white space, for classes of regular expressions: `[${SPACE}]`. */
export const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** What `\w` matches in Python, for classes of regular expressions. */
export const WORD = "\\p{L}\\p{N}_";
/** Python's `string.punctuation`. */
export const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

const SPACES = new RegExp(`[${SPACE}]+`, "u");
const IS_SPACE = new RegExp(`[${SPACE}]`, "u");
const WORDS = new RegExp(`[${WORD}]+`, "gu");
const IN_PUNCTUATION = new Set(PUNCTUATION);

export function isSpace(character: string): boolean {
  return IS_SPACE.test(character);
}

/** Whether the text has white space anywhere. */
export const hasSpace = isSpace;

/** `text.strip()` */
export function strip(text: string): string {
  return stripWhere(text, isSpace);
}

/** `text.rstrip()` */
export function stripEnd(text: string): string {
  return stripWhere(text, isSpace, { start: false });
}

/** `text.strip(characters)`, or one end of it. */
export function stripOf(text: string, characters: string, ends: Ends = {}): string {
  const set = new Set(characters);
  return stripWhere(text, (character) => set.has(character), ends);
}

interface Ends {
  readonly start?: boolean;
  readonly end?: boolean;
}

function stripWhere(text: string, is: (character: string) => boolean, { start = true, end = true }: Ends = {}): string {
  let from = 0;
  let to = text.length;
  // All that is stripped is in the basic plane, so that single code units do.
  if (start) while (from < to && is(text[from]!)) from += 1;
  if (end) while (to > from && is(text[to - 1]!)) to -= 1;
  return text.slice(from, to);
}

/** `text.split()`: no empty parts. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== "");
}

/** Without any of Python's `string.punctuation`. */
export function withoutPunctuation(text: string): string {
  return text.replaceAll(/[!-/:-@[-`{-~]/g, "");
}

export function isPunctuation(character: string): boolean {
  return IN_PUNCTUATION.has(character);
}

/** `re.findall(r"\w+", text)` */
export function wordsIn(text: string): string[] {
  return text.match(WORDS) ?? [];
}

/** `len(text)` */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** `text[0]`; undefined for an empty text. */
export function firstOf(text: string): string | undefined {
  const code = text.codePointAt(0);
  return code === undefined ? undefined : String.fromCodePoint(code);
}

/** `text[from:to]` with `from` and `to` not below 0. */
export function sliceOf(text: string, from: number, to: number): string {
  return [...text].slice(from, to).join("");
}

/** Whether a letter with case is in it, and all of them are capitals. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** Whether a letter with case is in it, and none of them is a capital. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

/** Whether it has a letter or a digit. */
export function hasLetterOrDigit(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}

/** Code points in order, as Python sorts strings. */
export function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** How often a text is in another, without overlaps. */
export function countOf(text: string, part: string): number {
  return part === "" ? lengthOf(text) + 1 : text.split(part).length - 1;
}

/** A text as part of a pattern that matches it as it is. */
export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Where the text stands in whatever case; with `whole`, not inside a longer word. */
export function findPhrase(phrase: string, { whole, ignoreCase = true }: { whole: boolean; ignoreCase?: boolean }) {
  // Of a phrase that begins or ends with a mark, `\b` asks for a letter before or after it.
  const edge = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
  const pattern = escapePattern(phrase);
  return new RegExp(whole ? `${edge}${pattern}${edge}` : pattern, ignoreCase ? "giu" : "gu");
}
