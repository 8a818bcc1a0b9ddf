/**
 * Examples of a unit that begin alike are laid out once up to where they part: what they share, then a branch for each. A branch
 * sees what is shared and itself, at the positions that it has in its own example, so nothing computed changes; only the tokens of
 * the prompt are read once instead of once for each example. Dropout is the exception: what is shared has one random mask, where
 * examples laid out by themselves would have one each. Each example's loss is then distributed as before, and those of a unit are no
 * longer independent.
 *
 * The last token before an example's first trained one belongs to its branch, because it predicts that token.
 */
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { lengthsOf, type Unit } from "./units.ts";

/** The lengths of a unit's examples, of which the first `shared` tokens are the same. */
export interface UnitSize {
  readonly lengths: readonly number[];
  readonly shared: number;
}

/** What is laid out as one piece of a row: a single example, or all examples of a unit behind what they share. */
export interface Block {
  /** Counted over the examples of all units. */
  readonly examples: readonly number[];
  /** How many tokens they share; 0 for a single example. */
  readonly shared: number;
  /** Tokens of a row that it takes. */
  readonly length: number;
}

/** Fewer tokens are not worth a branch. */
const LEAST = 4;

/** How many of the first tokens a unit's examples can share. */
export function sharedLength({ examples }: Unit): number {
  const [first, ...others] = examples;
  if (first === undefined || others.length === 0) return 0;
  let shared = Math.min(
    ...examples.map(({ ids, labels }) => {
      const trained = labels.findIndex((label, at) => at > 0 && label !== IGNORED_LABEL);
      return trained < 0 ? ids.length - 1 : trained - 1;
    }),
  );
  for (const { ids } of others) {
    let same = 0;
    while (same < shared && ids[same] === first.ids[same]) same++;
    shared = same;
  }
  return shared < LEAST ? 0 : shared;
}

export function sizeOf(unit: Unit, shares: boolean): UnitSize {
  return { lengths: lengthsOf(unit), shared: shares ? sharedLength(unit) : 0 };
}

/** The lengths of what a unit's size becomes in rows of `tokens`: one block if it shares and fits, else its examples. */
export function blockLengths({ lengths, shared }: UnitSize, tokens: number): readonly number[] {
  if (shared === 0) return lengths;
  const length = lengths.reduce((sum, own) => sum + own - shared, shared);
  return length <= tokens ? [length] : lengths;
}

/** The blocks of each unit, in rows of `tokens`. */
export function blocksOf(units: readonly Unit[], { tokens, shares }: { tokens: number; shares: boolean }): Block[][] {
  let next = 0;
  return units.map((unit) => {
    const size = sizeOf(unit, shares);
    const indices = size.lengths.map(() => next++);
    const lengths = blockLengths(size, tokens);
    if (lengths.length === indices.length) {
      return indices.map((index, at) => ({ examples: [index], shared: 0, length: lengths[at]! }));
    }
    return [{ examples: indices, shared: size.shared, length: lengths[0]! }];
  });
}
