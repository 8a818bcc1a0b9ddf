/** From the tree of a regular expression to the language of the texts that it matches. */
import { refuse } from "../limits.ts";
import type { Regex, RegexStore } from "./algebra.ts";
import { type PatternNode, parsePattern } from "./parse.ts";

/** The texts that match as a whole. `^` and `$` are allowed where they say nothing new. */
export function wholeMatches(source: string, store: RegexStore): Regex {
  return new Conversion(store, store.empty).convert(parsePattern(source), true, true);
}

/** The texts in which the expression is found anywhere, as JSON Schema's `pattern` means it. */
export function textsContaining(source: string, store: RegexStore): Regex {
  return new Conversion(store, store.everything).convert(parsePattern(source), true, true);
}

/** Converts with what may stand before and after the match wherever no anchor forbids it. */
class Conversion {
  readonly #store: RegexStore;
  readonly #around: Regex;

  constructor(store: RegexStore, around: Regex) {
    this.#store = store;
    this.#around = around;
  }

  /** `isFirst` and `isLast`: nothing of the expression stands before or after the node. */
  convert(node: PatternNode, isFirst: boolean, isLast: boolean): Regex {
    switch (node.kind) {
      case "choice":
        return this.#store.or(node.of.map((option) => this.convert(option, isFirst, isLast)));
      case "sequence":
        return this.#sequence(node.of, isFirst, isLast);
      case "start":
        if (!isFirst) throw refuse("the regular expression has ^ after its beginning, which is not supported");
        return isLast ? this.#around : this.#store.empty;
      case "end":
        if (!isLast) throw refuse("the regular expression has $ before its end, which is not supported");
        return isFirst ? this.#around : this.#store.empty;
      case "set":
        return this.#surrounded(this.#store.set(node.ranges), isFirst, isLast);
      case "repeat": {
        const of = this.convert(node.of, false, false);
        return this.#surrounded(this.#store.repeat(of, node.least, node.most), isFirst, isLast);
      }
    }
  }

  #sequence(of: readonly PatternNode[], isFirst: boolean, isLast: boolean): Regex {
    if (of.length === 0) return this.#surrounded(this.#store.empty, isFirst, isLast);
    // Anchors have no width: what follows ^ at the beginning is still the beginning, though nothing may come before it.
    let [from, to] = [0, of.length];
    while (isFirst && from < to && of[from]!.kind === "start") from++;
    while (isLast && to > from && of[to - 1]!.kind === "end") to--;
    const inner = of.slice(from, to);
    const open = { before: isFirst && from === 0, after: isLast && to === of.length };
    if (inner.length === 0) return this.#surrounded(this.#store.empty, open.before, open.after);
    return this.#store.sequence(
      inner.map((node, i) => this.convert(node, open.before && i === 0, open.after && i === inner.length - 1)),
    );
  }

  #surrounded(of: Regex, isFirst: boolean, isLast: boolean): Regex {
    const before = isFirst ? this.#around : this.#store.empty;
    return this.#store.sequence([before, of, isLast ? this.#around : this.#store.empty]);
  }
}
