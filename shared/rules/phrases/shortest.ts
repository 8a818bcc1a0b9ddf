/**
 * How many tokens a free text still needs until every required phrase is written, so that they can be forced before the tokens
 * run out.
 */
import { type Budget, refuse } from "../limits.ts";
import type { RuleVocabulary } from "../vocabulary.ts";
import type { Phrases } from "./phrases.ts";

/**
 * By the state of the phrases: tokens until all are complete, along tokens of one byte and tokens inside phrases; infinite where
 * they cannot be.
 */
export interface Distances {
  (state: number): number;
  /** The longest of them. */
  readonly farthest: number;
}

export function distances(phrases: Phrases, vocabulary: RuleVocabulary, budget: Budget): Distances {
  const before = new Map<number, number[]>();
  const seen = new Set([phrases.start]);
  const complete: number[] = [];
  for (const state of seen) {
    if (phrases.isComplete(state)) complete.push(state);
    else {
      for (const after of steps(phrases, vocabulary, state, budget)) {
        seen.add(after);
        const list = before.get(after);
        if (list === undefined) before.set(after, [state]);
        else list.push(state);
      }
    }
    budget.spend(1, "the required phrases");
  }
  const found = new Map<number, number>(complete.map((state) => [state, 0]));
  // Breadth first, backwards; a map goes through what is added while it is read.
  for (const [state, tokens] of found) {
    for (const earlier of before.get(state) ?? []) if (!found.has(earlier)) found.set(earlier, tokens + 1);
  }
  if (!found.has(phrases.start)) throw refuse("the required phrases cannot be written without a banned phrase");
  const distance = (state: number) => (phrases.isComplete(state) ? 0 : (found.get(state) ?? Number.POSITIVE_INFINITY));
  return Object.assign(distance, { farthest: [...found.values()].reduce((most, tokens) => Math.max(most, tokens), 0) });
}

/** The states after one more token, of those that are one byte long or stay inside phrases. */
function steps(phrases: Phrases, { tree }: RuleVocabulary, from: number, budget: Budget): Set<number> {
  const { byte, end, first } = tree;
  const after = new Set<number>();
  const states = [from];
  const ends = [byte.length];
  let depth = 0;
  for (let node = 1; node < byte.length; ) {
    while (node >= ends[depth]!) depth--;
    const next = phrases.next(states[depth]!, byte[node]!);
    budget.spend(1 / 32, "the required phrases");
    if (next < 0) {
      node = end[node]!;
      continue;
    }
    if (first[node + 1]! > first[node]!) after.add(next);
    if (!phrases.isInside(next)) {
      node = end[node]!;
      continue;
    }
    depth++;
    states[depth] = next;
    ends[depth] = end[node]!;
    node++;
  }
  return after;
}
