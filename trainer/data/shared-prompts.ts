import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { lengthsOf, type Unit, type UnitExample } from "./units.ts";

/** Examples that lie behind each other in a row. */
export interface Block {
  /** Counted over the examples of all units. */
  readonly first: number;
  readonly examples: readonly UnitExample[];
  /** How many first tokens all of them have in common: they lie there once, before what is left of each. */
  readonly shared: number;
}

/**
 * A unit's blocks: one, if its examples begin with the same tokens and fit a row with these laid once; else one for each. `limit`
 * is the longest row.
 */
export function blocksOf(unit: Unit, { first, limit }: { readonly first: number; readonly limit: number }): Block[] {
  const { examples } = unit;
  const shared = sharedTokens(unit);
  const together = { first, examples, shared };
  if (shared > 0 && blockLength(together) <= limit) return [together];
  return examples.map((example, at) => ({ first: first + at, examples: [example], shared: 0 }));
}

/** The tokens that a block takes in a row. */
export function blockLength({ examples, shared }: Pick<Block, "examples" | "shared">): number {
  return examples.reduce((sum, { ids }) => sum + ids.length - shared, shared);
}

/** The lengths of a unit's blocks. */
export function blockLengths(unit: Unit, limit: number): number[] {
  return blocksOf(unit, { first: 0, limit }).map(blockLength);
}

/**
 * How many first tokens the examples of a unit can share: equal in all, with nothing to be predicted or read at any, and with a
 * token left in each. A single example shares nothing.
 */
function sharedTokens(unit: Unit): number {
  const [one, ...others] = unit.examples;
  if (one === undefined || others.length === 0) return 0;
  const most = Math.min(...lengthsOf(unit)) - 1;
  for (let at = 0; at < most; at++) {
    // What lies at a position is about the token after it.
    const isFree = unit.examples.every((example) => isUntrained(example, at + 1));
    if (!isFree || others.some(({ ids }) => ids[at] !== one.ids[at])) return at;
  }
  return Math.max(0, most);
}

function isUntrained({ labels, columns = {} }: UnitExample, at: number): boolean {
  if (labels[at] !== IGNORED_LABEL) return false;
  return Object.values(columns).every((column) => typeof column === "number" || column[at] === 0);
}
