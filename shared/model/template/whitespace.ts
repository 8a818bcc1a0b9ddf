/**
 * White space as Python's `str.isspace` defines it: unlike JavaScript's, with the separators U+001C to U+001F and U+0085,
 * and without the byte order mark.
 */
const SPACES = new Set(
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

/** Whether the text has characters, all of them white space. */
export function isSpace(text: string): boolean {
  for (const character of text) if (!SPACES.has(character)) return false;
  return text !== "";
}

/** Python's `lstrip`: removes any of `characters`, or white space, from the start. */
export function stripStart(text: string, characters: ReadonlySet<string> = SPACES): string {
  let start = 0;
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!);
    if (!characters.has(character)) break;
    start += character.length;
  }
  return text.slice(start);
}

/** Python's `rstrip`. */
export function stripEnd(text: string, characters: ReadonlySet<string> = SPACES): string {
  let end = text.length;
  while (end > 0) {
    const pair = end > 1 && /[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(end - 2, end));
    const start = end - (pair ? 2 : 1);
    if (!characters.has(text.slice(start, end))) break;
    end = start;
  }
  return text.slice(0, end);
}

/** Python's `split()` without a separator, at most `limit` times. */
export function splitWords(text: string, limit = Number.POSITIVE_INFINITY): string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && SPACES.has(text[at]!)) at++;
    if (at === text.length) return words;
    if (words.length >= limit) return [...words, text.slice(at)];
    const start = at;
    while (at < text.length && !SPACES.has(text[at]!)) at++;
    words.push(text.slice(start, at));
  }
}
