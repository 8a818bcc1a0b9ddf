/**
 * Texts as lists of small integers, equal where the words or characters are: metrics compare numbers, however long a word is.
 */

/** What Python's `str.split()` splits at, which the references' tokens depend on; JavaScript's `\s` is another set. */
const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${PYTHON_SPACE}]+`, "u");

/** The words between white space. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== "");
}

/** The text without white space at its end. A loop, since a regular expression tries every run of spaces anew. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACES.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Two lists, numbered together: equal elements have equal numbers, from 0 up to `count`. */
export interface Numbered {
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly count: number;
}

export function numbered(a: readonly string[], b: readonly string[]): Numbered {
  const ids = new Map<string, number>();
  const number = (word: string) => {
    const id = ids.get(word) ?? ids.size;
    ids.set(word, id);
    return id;
  };
  return { a: Int32Array.from(a, number), b: Int32Array.from(b, number), count: ids.size };
}
