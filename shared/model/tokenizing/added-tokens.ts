/**
 * Finds added tokens in text as the Rust library does: the longest at each position, with the white space that it
 * strips.
 */
import { escapeLiteral, SPACE, WORD } from "./pattern.ts";

export interface FindableToken {
  readonly id: number;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** A token's text is [start, end); [from, to) adds the white space that it strips. */
export interface FoundToken<Token> {
  readonly token: Token;
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, "u");
const STARTS_WITH_WORD = new RegExp(`^[${WORD}]`, "u");
const LEADING_SPACE = new RegExp(`^[${SPACE}]*`, "u");
const IS_SPACE = new RegExp(`[${SPACE}]`, "u");

/** `tokens` maps the text form to the token. */
export function createTokenFinder<Token extends FindableToken>(
  tokens: ReadonlyMap<string, Token>,
): (text: string) => FoundToken<Token>[] {
  const finder = literalFinder(tokens.keys());
  return (text) => {
    const found: FoundToken<Token>[] = [];
    let last = 0;
    for (const match of text.matchAll(finder)) {
      const token = tokens.get(match[0])!;
      const start = match.index;
      const end = start + match[0].length;
      if (token.single_word && !standsAlone(text, start, end)) continue;
      const from = token.lstrip ? Math.max(trimmedEnd(text, start), last) : start;
      const to = token.rstrip ? end + LEADING_SPACE.exec(text.slice(end))![0].length : end;
      found.push({ token, start, end, from, to });
      last = to;
    }
    return found;
  };
}

/** Matches the longest of `literals` at each position. */
export function literalFinder(literals: Iterable<string>): RegExp {
  const sources = [...literals].sort((a, b) => b.length - a.length).map(escapeLiteral);
  return new RegExp(sources.length > 0 ? sources.join("|") : "(?!)", "gu");
}

function standsAlone(text: string, start: number, end: number): boolean {
  // Two code units hold any character before the token.
  return !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) && !STARTS_WITH_WORD.test(text.slice(end));
}

/** Where the white space before `end` begins. */
function trimmedEnd(text: string, end: number): number {
  let at = end;
  while (at > 0 && IS_SPACE.test(text[at - 1]!)) at--;
  return at;
}
