/**
 * Regular expressions over module paths, in the regular subset of Python's syntax, matched as peft does with `re.fullmatch`.
 * Patterns come from strangers, so the matcher must not backtrack: for every node and every start it computes the set of
 * ends once. That takes at most (length of the pattern) × (length of the path)² steps, and makes look-arounds easy.
 */
import { type PatternNode, parsePattern } from "./pattern-syntax.ts";

/**
 * The steps that all tests of one selection may take together, at up to 0.2 µs each. A pattern of forty names takes about
 * 600 steps per layer, or 300,000 for a model of 80 blocks.
 */
export class PatternBudget {
  #left: number;

  constructor(steps = 600_000) {
    this.#left = steps;
  }

  /** Returns false once the budget is exhausted. */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}

export interface ModulePattern {
  /** Whether the pattern matches the whole of `path`; undefined when the budget is exhausted. */
  matches(path: string, budget: PatternBudget): boolean | undefined;
  /** Whether the pattern matches the whole path, or everything after one of its dots. */
  matchesEnd(path: string, budget: PatternBudget): boolean | undefined;
}

/** The pattern, or the problem with it, phrased to follow "the pattern". */
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

export interface TextPattern {
  /**
   * The last match in `text`, if matches are taken from the left, each as long as can be; null if there is none, or none that is
   * not empty; undefined when the budget is exhausted.
   */
  last(text: string, budget: PatternBudget): string | null | undefined;
}

/** A pattern that is looked for in a text, in the same syntax; or the problem with it. */
export function parseTextPattern(source: string): TextPattern | { readonly problem: string } {
  const root = parsePattern(source);
  if ("problem" in root) return root;
  return { last: (text, budget) => new Match(text, budget).last(root) };
}

/** Tests one path. Caches the ends of every node from every start. */
class Match {
  readonly #path: string;
  readonly #budget: PatternBudget;
  readonly #known = new Map<PatternNode, (ReadonlySet<number> | undefined)[]>();
  #isSpent = false;

  constructor(path: string, budget: PatternBudget) {
    this.#path = path;
    this.#budget = budget;
  }

  /** Whether the node matches everything from one of the starts to the end of the path. */
  from(root: PatternNode, starts: readonly number[]): boolean | undefined {
    const found = starts.some((start) => this.#ends(root, start).has(this.#path.length));
    return this.#isSpent ? undefined : found;
  }

  /** The last of the matches that do not overlap. */
  last(root: PatternNode): string | null | undefined {
    let found: string | null = null;
    for (let start = 0; start < this.#path.length && !this.#isSpent; ) {
      const end = Math.max(start, ...this.#ends(root, start));
      if (end > start) found = this.#path.slice(start, end);
      start = Math.max(end, start + 1);
    }
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
        return new Set(node.of.flatMap((option) => [...this.#ends(option, start)]));
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
   * No more repetitions are needed than the path has letters, plus one: the others match the empty string, and do not reach
   * any new place.
   */
  #repeated({ of, least, most }: Extract<PatternNode, { kind: "repeat" }>, start: number): ReadonlySet<number> {
    const enough = this.#path.length + 1;
    let now: ReadonlySet<number> = new Set([start]);
    for (let count = 0; count < Math.min(least, enough); count++) now = this.#after(now, of);
    const all = new Set(now);
    for (let count = Math.min(least, enough); count < Math.min(most, enough) && now.size > 0; count++) {
      const next = this.#after(now, of);
      // Without an upper bound, it is enough to continue from ends that are new.
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
