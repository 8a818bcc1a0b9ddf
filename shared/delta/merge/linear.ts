import { sumDeltas } from "../sum.ts";
import { reduced, reductionWork, withFactors } from "./factors.ts";
import type { MergeMethod } from "./method.ts";

/**
 * Σ wᵢΔᵢ, each ΔW at its own rank: the factors side by side where all their columns are needed, fewer columns where they
 * depend on one another, as they must once there are more than the layer has rows or columns.
 *
 * peft's `linear` adds the factors, (Σ √wᵢAᵢ)(Σ √wᵢBᵢ), which also holds the product of each A with every other delta's B;
 * here nothing is added but the deltas themselves.
 */
export const linear: MergeMethod = {
  needs: [],
  takes: [],
  exact: true,
  work: reductionWork,
  merge: (terms) => withFactors(sumDeltas(terms), (factors) => reduced(factors, Number.POSITIVE_INFINITY)),
};
