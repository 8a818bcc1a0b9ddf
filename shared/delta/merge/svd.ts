import { sumDeltas } from "../sum.ts";
import { reduced, reductionWork, withFactors } from "./factors.ts";
import type { MergeMethod } from "./method.ts";

/** The nearest ΔW of the given rank to Σ wᵢΔWᵢ in each layer (Eckart and Young, 1936), peft's `svd`; vectors are summed. */
export const svd: MergeMethod = {
  needs: [],
  takes: ["rank"],
  exact: false,
  work: reductionWork,
  merge: (terms, { rank }) => withFactors(sumDeltas(terms), (factors) => reduced(factors, rank)),
};
