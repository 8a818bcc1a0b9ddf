import type { CanonicalDelta } from "../canonical.ts";
import type { WeightedDelta } from "../sum.ts";

export const MAJORITY_SIGN_METHODS = ["total", "frequency"] as const;

/** How to merge; a method reads those that it `takes`. */
export interface MergeOptions {
  /** The highest rank that ΔW of a layer has in the result. */
  readonly rank: number;
  /** The share of elements that is kept. */
  readonly density: number;
  /** What elects the sign of an element: the sum of its values, or how many there are of either sign. */
  readonly majoritySignMethod: (typeof MAJORITY_SIGN_METHODS)[number];
  readonly seed: number;
}

/** A way to make one delta of several. */
export interface MergeMethod {
  /** The options without which it has no meaning. */
  readonly needs: readonly (keyof MergeOptions)[];
  /** The other options that it reads. */
  readonly takes: readonly (keyof MergeOptions)[];
  /** The result is Σ wᵢΔᵢ in every part, so parts that are no matrices to add can be merged as well. */
  readonly exact: boolean;
  /** About how many multiplications a layer takes, of those sizes and with factors of that rank side by side. */
  work(rows: number, columns: number, rank: number): number;
  /** Pure. A negative weight takes a delta away (task negation: Ilharco et al., "Editing Models with Task Arithmetic", 2023). */
  merge(terms: readonly WeightedDelta[], options: MergeOptions): CanonicalDelta;
}
