import { sumDeltas } from "../sum.ts";
import { reduced, reductionWork, withFactors } from "./factors.ts";
import type { MergeMethod } from "./method.ts";

/**
 * Σ wᵢΔᵢ at the true rank of each ΔW: the factors are placed side by side, and reduced to fewer columns if those are linearly
 * dependent, which they must be once they outnumber the layer's rows or columns.
 *
 * peft's `linear` adds the factors instead, (Σ √wᵢAᵢ)(Σ √wᵢBᵢ), so its result also contains the cross terms AᵢBⱼ.
 */
export const linear: MergeMethod = {
  needs: [],
  takes: [],
  exact: true,
  work: reductionWork,
  merge: (terms) => withFactors(sumDeltas(terms), (factors) => reduced(factors, Number.POSITIVE_INFINITY)),
};
