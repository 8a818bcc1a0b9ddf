/**
 * Regular expressions over module paths, in the part of Python's syntax that describes a language: what peft matches with
 * `re.fullmatch`. Patterns come from strangers, so nothing here can backtrack: for every node and every start the set of
 * ends is found once, which takes at most (length of the pattern) × (length of the path)² steps and gives look-arounds for
 * free. What needs captures (backreferences, conditions) or changes the engine (flags, atomic groups) is refused by name.
 */

/** Longer patterns than people write; peft's own are below 600 characters. */
const MAX_LENGTH = 2048;
/** Groups within groups; reading and matching call themselves for each. */
const MAX_DEPTH = 50;

/**
 * What all tests of one selection may take together, in steps of up to 0.2 µs. A pattern of forty names takes some 600 for
 * each layer, 300,000 for a model of 80 blocks.
 */
export class PatternBudget {
  #left = 3_000_000;

  /** Whether there was enough left. */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}

export interface ModulePattern {
  /** Whether the whole of `path` is in the pattern's language; undefined when the budget is spent. */
  matches(path: string, budget: PatternBudget): boolean | undefined;
  /** The same of the path or of an end of it that follows a dot. */
  matchesEnd(path: string, budget: PatternBudget): boolean | undefined;
}

/** The pattern, or what is wrong with it, to be put behind "the pattern". */
export function parseModulePattern(source: string): ModulePattern | { readonly problem: string } {
  if (source.length > MAX_LENGTH) return { problem: `has ${source.length} characters; at most ${MAX_LENGTH} are read` };
  const parser = new Parser(source);
  const root = parser.parse();
  if (parser.problem !== undefined) return { problem: parser.problem };
  return {
    matches: (path, budget) => new Match(path, budget).from(root, [0]),
    matchesEnd: (path, budget) => {
      const afterDots = Array.from(path.matchAll(/\./g), ({ index }) => index + 1);
      return new Match(path, budget).from(root, [0, ...afterDots]);
    },
  };
}

type Node =
  | { readonly kind: "letter"; readonly has: (letter: string) => boolean }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly least: number; readonly most: number }
  | { readonly kind: "look"; readonly of: Node; readonly ahead: boolean; readonly wanted: boolean }
  | { readonly kind: "place"; readonly holds: (path: string, at: number) => boolean };

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
const GROUPS: readonly (readonly [start: string, make: (of: Node) => Node])[] = [
  ["?:", (of) => of],
  ["?=", (of) => ({ kind: "look", of, ahead: true, wanted: true })],
  ["?!", (of) => ({ kind: "look", of, ahead: true, wanted: false })],
  ["?<=", (of) => ({ kind: "look", of, ahead: false, wanted: true })],
  ["?<!", (of) => ({ kind: "look", of, ahead: false, wanted: false })],
];

/** Reads one pattern. After the first problem the rest is read as nothing. */
class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  problem: string | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Node {
    const root = this.#choice();
    if (this.#at < this.#source.length) this.#fail("has a closing parenthesis too many");
    return root;
  }

  #fail(problem: string): Node {
    this.problem ??= problem;
    this.#at = this.#source.length;
    return { kind: "sequence", of: [] };
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Node {
    const of = [this.#sequence()];
    while (this.#skip("|")) of.push(this.#sequence());
    return of.length === 1 ? of[0]! : { kind: "choice", of };
  }

  #sequence(): Node {
    const of: Node[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) of.push(this.#repeated());
    return { kind: "sequence", of };
  }

  #repeated(): Node {
    const of = this.#one();
    const bounds = this.#bounds();
    if (bounds === undefined) return of;
    // A lazy quantifier stands for the same paths.
    this.#skip("?");
    if (this.#skip("+")) return this.#fail("has a possessive quantifier, which is not supported");
    if (this.#bounds() !== undefined) return this.#fail("repeats a repetition; put it in parentheses");
    return { kind: "repeat", of, ...bounds };
  }

  #bounds(): { least: number; most: number } | undefined {
    if (this.#skip("*")) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#skip("+")) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#skip("?")) return { least: 0, most: 1 };
    const [text, least, comma, most] = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at)) ?? [];
    // Python takes other braces for themselves.
    if (text === undefined || (least === "" && most === "")) return undefined;
    this.#at += text.length;
    const bounds = {
      least: Number(least),
      most: comma === "" ? Number(least) : most === "" ? Number.POSITIVE_INFINITY : Number(most),
    };
    if (bounds.most < bounds.least) this.#fail(`has the bounds ${text}, the first above the second`);
    return bounds;
  }

  #one(): Node {
    const letter = this.#source[this.#at++]!;
    if (letter === "(") return this.#group();
    if (letter === "[") return this.#class();
    if (letter === ".") return { kind: "letter", has: (found) => found !== "\n" };
    if (letter === "^") return { kind: "place", holds: atStart };
    if (letter === "$") return { kind: "place", holds: atEnd };
    if ("*+?".includes(letter)) return this.#fail(`has ${letter} with nothing before it to repeat`);
    if (letter !== "\\") return { kind: "letter", has: (found) => found === letter };
    const escaped = this.#escaped();
    const place = PLACES[escaped];
    return place === undefined ? { kind: "letter", has: this.#meaning(escaped) } : { kind: "place", holds: place };
  }

  #group(): Node {
    const [, make] = GROUPS.find(([start]) => this.#skip(start)) ?? [undefined, (of: Node) => of];
    if (this.#source[this.#at] === "?") {
      const [name] = /^\?P<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at)) ?? [];
      if (name === undefined) return this.#fail("has a group that begins with (? in a way that is not supported");
      this.#at += name.length;
    }
    if (++this.#depth > MAX_DEPTH) return this.#fail(`has groups within groups; at most ${MAX_DEPTH} are read`);
    const of = this.#choice();
    this.#depth--;
    return this.#skip(")") ? make(of) : this.#fail("has an opening parenthesis too many");
  }

  #escaped(): string {
    const letter = this.#source[this.#at++];
    if (letter === undefined) this.#fail("ends with a backslash");
    else if (/[0-9]/.test(letter)) this.#fail("refers back to a group, which is not supported");
    return letter ?? "";
  }

  /** What an escaped letter stands for that is not a place. */
  #meaning(escaped: string): (letter: string) => boolean {
    const known = LETTERS[escaped];
    if (known !== undefined) return known;
    if (/[A-Za-z]/.test(escaped)) this.#fail(`has \\${escaped}, which is not supported`);
    return (letter) => letter === escaped;
  }

  #class(): Node {
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
      if (typeof last !== "string" || last < first) return this.#fail("has a range of letters without an order");
      tests.push((letter) => first <= letter && letter <= last);
    }
    if (!this.#skip("]")) return this.#fail("has an opening bracket too many");
    return { kind: "letter", has: (letter) => tests.some((has) => has(letter)) !== isNegated };
  }

  #classLetter(): string | ((letter: string) => boolean) {
    const letter = this.#source[this.#at++]!;
    if (letter !== "\\") return letter;
    const escaped = this.#escaped();
    return /[A-Za-z]/.test(escaped) ? this.#meaning(escaped) : escaped;
  }
}

/** One path under test: the ends of every node from every start, each found once. */
class Match {
  readonly #path: string;
  readonly #budget: PatternBudget;
  readonly #known = new Map<Node, (ReadonlySet<number> | undefined)[]>();
  #isSpent = false;

  constructor(path: string, budget: PatternBudget) {
    this.#path = path;
    this.#budget = budget;
  }

  /** Whether the node takes all that follows one of the starts. */
  from(root: Node, starts: readonly number[]): boolean | undefined {
    const found = starts.some((start) => this.#ends(root, start).has(this.#path.length));
    return this.#isSpent ? undefined : found;
  }

  #ends(node: Node, start: number): ReadonlySet<number> {
    const ofNode = this.#known.get(node) ?? [];
    this.#known.set(node, ofNode);
    const ends = ofNode[start] ?? this.#find(node, start);
    ofNode[start] = ends;
    return ends;
  }

  #find(node: Node, start: number): ReadonlySet<number> {
    if (!this.#spend(1)) return new Set();
    switch (node.kind) {
      case "letter":
        return new Set(start < this.#path.length && node.has(this.#path[start]!) ? [start + 1] : []);
      case "place":
        return new Set(node.holds(this.#path, start) ? [start] : []);
      case "choice":
        return new Set(node.of.flatMap((one) => [...this.#ends(one, start)]));
      case "sequence":
        return node.of.reduce<ReadonlySet<number>>((starts, next) => this.#after(starts, next), new Set([start]));
      case "look":
        return new Set(this.#sees(node, start) === node.wanted ? [start] : []);
      case "repeat":
        return this.#repeated(node, start);
    }
  }

  /** Every end of `node` from any of the starts. */
  #after(starts: ReadonlySet<number>, node: Node): ReadonlySet<number> {
    const ends = new Set<number>();
    for (const start of starts) {
      const found = this.#ends(node, start);
      this.#spend(1 + found.size);
      for (const end of found) ends.add(end);
    }
    return ends;
  }

  #sees({ of, ahead }: Extract<Node, { kind: "look" }>, at: number): boolean {
    if (ahead) return this.#ends(of, at).size > 0;
    return Array.from({ length: at + 1 }, (_, start) => start).some((start) => this.#ends(of, start).has(at));
  }

  /**
   * Beyond as many repetitions as there are letters, more of them reach the same places: a repetition that takes no letter
   * can be had any number of times.
   */
  #repeated({ of, least, most }: Extract<Node, { kind: "repeat" }>, start: number): ReadonlySet<number> {
    const enough = this.#path.length + 1;
    let now: ReadonlySet<number> = new Set([start]);
    for (let count = 0; count < Math.min(least, enough); count++) now = this.#after(now, of);
    const all = new Set(now);
    for (let count = Math.min(least, enough); count < Math.min(most, enough) && now.size > 0; count++) {
      const next = this.#after(now, of);
      // Without a bound it is enough to go on from where nothing has been yet.
      now = most === Number.POSITIVE_INFINITY ? new Set([...next].filter((end) => !all.has(end))) : next;
      for (const end of next) all.add(end);
    }
    return all;
  }

  #spend(steps: number): boolean {
    this.#isSpent ||= !this.#budget.spend(steps);
    return !this.#isSpent;
  }
}
