import { sumDeltas } from "../sum.ts";
import type { MergeMethod } from "./method.ts";

/** Σ wᵢΔᵢ with the low-rank factors side by side: exact, and its rank is the sum of theirs. */
export const cat: MergeMethod = {
  needs: [],
  takes: [],
  exact: true,
  work: (rows, columns, rank) => (rows + columns) * rank * rank,
  merge: sumDeltas,
};
