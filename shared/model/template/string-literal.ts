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

/** The value of a literal, without its quotes. Unknown escapes keep their backslash, as in Python. */
export function unescapeString(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(ESCAPE, (whole, x?: string, u?: string, long?: string, octal?: string, single?: string) => {
    const hex = x ?? u ?? long;
    const code =
      hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : undefined;
    if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    return SIMPLE[single!] ?? whole;
  });
}
