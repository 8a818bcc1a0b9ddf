/**
 * The escape sequences of string literals in templates, which are Python's.
 */
const SIMPLE: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(.))/gs;

/**
 * The digits that must follow the letter of a code point escape. Character names, as in \N{BULLET}, are not supported.
 */
const INCOMPLETE =
  /(?<!\\)(?:\\\\)*\\(?:x(?![\da-fA-F]{2})|u(?![\da-fA-F]{4})|U(?!(?:0010|000[\da-fA-F])[\da-fA-F]{4})|N)/;

/**
 * The value of a literal, without its quotes; undefined when an escape is not valid. Unknown escapes keep their backslash,
 * as in Python.
 */
export function unescapeString(text: string): string | undefined {
  if (!text.includes("\\")) return text;
  if (INCOMPLETE.test(text)) return undefined;
  return text.replace(ESCAPE, (whole, x?: string, u?: string, long?: string, octal?: string, single?: string) => {
    const hex = x ?? u ?? long;
    const code =
      hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : undefined;
    if (code !== undefined) return String.fromCodePoint(code);
    return SIMPLE[single!] ?? whole;
  });
}
