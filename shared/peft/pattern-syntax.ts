/**
 * Parses the regular subset of Python's regular expressions to a tree. Constructs that need captures (backreferences,
 * conditionals) or change the engine (flags, atomic groups) are rejected by name.
 */

/** Longer than any real pattern; peft's own are below 600 characters. */
const MAX_LENGTH = 2048;
/** The deepest nesting of groups, each of which costs a recursive call in parsing and matching. */
const MAX_DEPTH = 50;

/** A part of a pattern. A `place` (such as `^`) or a `look` (a look-around) matches without consuming a letter. */
export type PatternNode =
  | { readonly kind: "letter"; readonly has: (letter: string) => boolean }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly of: PatternNode; readonly least: number; readonly most: number }
  | { readonly kind: "look"; readonly of: PatternNode; readonly ahead: boolean; readonly wanted: boolean }
  | { readonly kind: "place"; readonly holds: (path: string, at: number) => boolean };

/** The pattern as a tree, or the problem with it, phrased to follow "the pattern". */
export function parsePattern(source: string): PatternNode | { readonly problem: string } {
  if (source.length > MAX_LENGTH)
    return { problem: `has ${source.length} characters; at most ${MAX_LENGTH} are allowed` };
  const parser = new Parser(source);
  const root = parser.parse();
  return parser.problem === undefined ? root : { problem: parser.problem };
}

const isWord = (letter: string | undefined) => letter !== undefined && /^\w$/.test(letter);
const atStart = (_path: string, at: number) => at === 0;
const atEnd = (path: string, at: number) => at === path.length;
const atBoundary = (path: string, at: number) => isWord(path[at - 1]) !== isWord(path[at]);

const LETTERS: Readonly<Record<string, (letter: string) => boolean>> = {
  d: (letter) => /^[0-9]$/.test(letter),
  D: (letter) => !/^[0-9]$/.test(letter),
  w: (letter) => isWord(letter),
  W: (letter) => !isWord(letter),
  s: (letter) => /^\s$/.test(letter),
  S: (letter) => !/^\s$/.test(letter),
};
const PLACES: Readonly<Record<string, (path: string, at: number) => boolean>> = {
  A: atStart,
  Z: atEnd,
  b: atBoundary,
  B: (path, at) => !atBoundary(path, at),
};
const GROUPS: readonly (readonly [start: string, make: (of: PatternNode) => PatternNode])[] = [
  ["?:", (of) => of],
  ["?=", (of) => ({ kind: "look", of, ahead: true, wanted: true })],
  ["?!", (of) => ({ kind: "look", of, ahead: true, wanted: false })],
  ["?<=", (of) => ({ kind: "look", of, ahead: false, wanted: true })],
  ["?<!", (of) => ({ kind: "look", of, ahead: false, wanted: false })],
];

/** Parses one pattern. After the first problem, the remaining source is skipped. */
class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  problem: string | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): PatternNode {
    const root = this.#choice();
    if (this.#at < this.#source.length) this.#fail("has an unmatched closing parenthesis");
    return root;
  }

  #fail(problem: string): PatternNode {
    this.problem ??= problem;
    this.#at = this.#source.length;
    return { kind: "sequence", of: [] };
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): PatternNode {
    const of = [this.#sequence()];
    while (this.#skip("|")) of.push(this.#sequence());
    return of.length === 1 ? of[0]! : { kind: "choice", of };
  }

  #sequence(): PatternNode {
    const of: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) of.push(this.#repeated());
    return { kind: "sequence", of };
  }

  #repeated(): PatternNode {
    const of = this.#atom();
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    // A lazy quantifier matches the same paths.
    this.#skip("?");
    if (this.#skip("+")) return this.#fail("has a possessive quantifier, which is not supported");
    if (this.#bounds() !== undefined) return this.#fail("repeats a repetition; add parentheses");
    return { kind: "repeat", of, ...bounds };
  }

  #bounds(): { least: number; most: number } | undefined {
    if (this.#skip("*")) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#skip("+")) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#skip("?")) return { least: 0, most: 1 };
    const [text, least, comma, most] = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at)) ?? [];
    // Python treats any other braces as literals.
    if (text === undefined || (least === "" && most === "")) return undefined;
    this.#at += text.length;
    const bounds = {
      least: Number(least),
      most: comma === "" ? Number(least) : most === "" ? Number.POSITIVE_INFINITY : Number(most),
    };
    if (bounds.most < bounds.least) this.#fail(`has bounds in the wrong order: ${text}`);
    return bounds;
  }

  #atom(): PatternNode {
    const letter = this.#source[this.#at++]!;
    if (letter === "(") return this.#group();
    if (letter === "[") return this.#class();
    if (letter === ".") return { kind: "letter", has: (found) => found !== "\n" };
    if (letter === "^") return { kind: "place", holds: atStart };
    if (letter === "$") return { kind: "place", holds: atEnd };
    if ("*+?".includes(letter)) return this.#fail(`has ${letter} with nothing to repeat before it`);
    if (letter !== "\\") return { kind: "letter", has: (found) => found === letter };
    const escaped = this.#escaped();
    const place = PLACES[escaped];
    return place === undefined ? { kind: "letter", has: this.#meaning(escaped) } : { kind: "place", holds: place };
  }

  #group(): PatternNode {
    const [, make] = GROUPS.find(([start]) => this.#skip(start)) ?? [undefined, (of: PatternNode) => of];
    if (this.#source[this.#at] === "?") {
      const [name] = /^\?P<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at)) ?? [];
      if (name === undefined) return this.#fail("has an unsupported group that begins with (?");
      this.#at += name.length;
    }
    if (++this.#depth > MAX_DEPTH) return this.#fail(`nests groups more than ${MAX_DEPTH} deep`);
    const of = this.#choice();
    this.#depth--;
    return this.#skip(")") ? make(of) : this.#fail("has an unclosed parenthesis");
  }

  #escaped(): string {
    const letter = this.#source[this.#at++];
    if (letter === undefined) this.#fail("ends with a backslash");
    else if (/[0-9]/.test(letter)) this.#fail("has a backreference, which is not supported");
    return letter ?? "";
  }

  /** The meaning of an escaped letter that is not a place. */
  #meaning(escaped: string): (letter: string) => boolean {
    const known = LETTERS[escaped];
    if (known !== undefined) return known;
    if (/[A-Za-z]/.test(escaped)) this.#fail(`has \\${escaped}, which is not supported`);
    return (letter) => letter === escaped;
  }

  #class(): PatternNode {
    const isNegated = this.#skip("^");
    const tests: ((letter: string) => boolean)[] = [];
    const isOpen = () => this.#at < this.#source.length && (tests.length === 0 || this.#source[this.#at] !== "]");
    while (isOpen()) {
      const first = this.#classLetter();
      if (typeof first !== "string" || !/^-[^\]]/.test(this.#source.slice(this.#at))) {
        tests.push(typeof first === "string" ? (letter) => letter === first : first);
        continue;
      }
      this.#at++;
      const last = this.#classLetter();
      if (typeof last !== "string" || last < first) return this.#fail("has an invalid range of letters");
      tests.push((letter) => first <= letter && letter <= last);
    }
    if (!this.#skip("]")) return this.#fail("has an unclosed bracket");
    return { kind: "letter", has: (letter) => tests.some((has) => has(letter)) !== isNegated };
  }

  #classLetter(): string | ((letter: string) => boolean) {
    const letter = this.#source[this.#at++]!;
    if (letter !== "\\") return letter;
    const escaped = this.#escaped();
    return /[A-Za-z]/.test(escaped) ? this.#meaning(escaped) : escaped;
  }
}
