import { sumDeltas } from "../sum.ts";
import { reduced, reductionWork, withFactors } from "./factors.ts";
import type { MergeMethod } from "./method.ts";

/** In each layer, the ΔW of rank `rank` nearest to Σ wᵢΔWᵢ (Eckart and Young, 1936); peft's `svd`. Vectors are summed. */
export const svd: MergeMethod = {
  needs: [],
  takes: ["rank"],
  exact: false,
  work: reductionWork,
  merge: (terms, { rank }) => withFactors(sumDeltas(terms), (factors) => reduced(factors, rank)),
};
