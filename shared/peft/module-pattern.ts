/**
 * Regular expressions over module paths, in the part of Python's syntax that describes a language: what peft matches with
 * `re.fullmatch`. Patterns come from strangers, so nothing here can backtrack: for every node and every start the set of
 * ends is found once, which takes at most (length of the pattern) × (length of the path)² steps and gives look-arounds for
 * free.
 */
import { type PatternNode, parsePattern } from "./pattern-syntax.ts";

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
  const root = parsePattern(source);
  if ("problem" in root) return root;
  return {
    matches: (path, budget) => new Match(path, budget).from(root, [0]),
    matchesEnd: (path, budget) => {
      const afterDots = Array.from(path.matchAll(/\./g), ({ index }) => index + 1);
      return new Match(path, budget).from(root, [0, ...afterDots]);
    },
  };
}

/** One path under test: the ends of every node from every start, each found once. */
class Match {
  readonly #path: string;
  readonly #budget: PatternBudget;
  readonly #known = new Map<PatternNode, (ReadonlySet<number> | undefined)[]>();
  #isSpent = false;

  constructor(path: string, budget: PatternBudget) {
    this.#path = path;
    this.#budget = budget;
  }

  /** Whether the node takes all that follows one of the starts. */
  from(root: PatternNode, starts: readonly number[]): boolean | undefined {
    const found = starts.some((start) => this.#ends(root, start).has(this.#path.length));
    return this.#isSpent ? undefined : found;
  }

  #ends(node: PatternNode, start: number): ReadonlySet<number> {
    const ofNode = this.#known.get(node) ?? [];
    this.#known.set(node, ofNode);
    const ends = ofNode[start] ?? this.#find(node, start);
    ofNode[start] = ends;
    return ends;
  }

  #find(node: PatternNode, start: number): ReadonlySet<number> {
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
  #after(starts: ReadonlySet<number>, node: PatternNode): ReadonlySet<number> {
    const ends = new Set<number>();
    for (const start of starts) {
      const found = this.#ends(node, start);
      this.#spend(1 + found.size);
      for (const end of found) ends.add(end);
    }
    return ends;
  }

  #sees({ of, ahead }: Extract<PatternNode, { kind: "look" }>, at: number): boolean {
    if (ahead) return this.#ends(of, at).size > 0;
    return Array.from({ length: at + 1 }, (_, start) => start).some((start) => this.#ends(of, start).has(at));
  }

  /**
   * Beyond as many repetitions as there are letters, more of them reach the same places: a repetition that takes no letter
   * can be had any number of times.
   */
  #repeated({ of, least, most }: Extract<PatternNode, { kind: "repeat" }>, start: number): ReadonlySet<number> {
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
