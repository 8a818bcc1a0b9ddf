import type { CanonicalDelta } from "../canonical.ts";
import type { WeightedDelta } from "../sum.ts";

export const MAJORITY_SIGN_METHODS = ["total", "frequency"] as const;

/** How to merge. A method uses only the options that it `needs` or `takes`. */
export interface MergeOptions {
  /** The highest rank of a layer's ΔW in the result. */
  readonly rank: number;
  /** The fraction of elements to keep. */
  readonly density: number;
  /** How the sign of an element is elected: by the sum of its values, or by the number of values of each sign. */
  readonly majoritySignMethod: (typeof MAJORITY_SIGN_METHODS)[number];
  readonly seed: number;
}

/** A way to merge several deltas into one. */
export interface MergeMethod {
  /** The options that the caller must set. */
  readonly needs: readonly (keyof MergeOptions)[];
  /** The optional options. */
  readonly takes: readonly (keyof MergeOptions)[];
  /** Whether the result is exactly Σ wᵢΔᵢ in every part. Only then can parts that are not matrices be merged. */
  readonly exact: boolean;
  /** The approximate number of multiplications for a layer, where `rank` is the sum of the ranks of its factors. */
  work(rows: number, columns: number, rank: number): number;
  /** Pure. Negative weights subtract (task negation: Ilharco et al., "Editing Models with Task Arithmetic", 2023). */
  merge(terms: readonly WeightedDelta[], options: MergeOptions): CanonicalDelta;
}
