import { sumDeltas } from "../sum.ts";
import type { MergeMethod } from "./method.ts";

/** Σ wᵢΔᵢ with the low-rank factors side by side: exact, and as wide as all of them together. */
export const cat: MergeMethod = {
  needs: [],
  takes: [],
  exact: true,
  work: (rows, columns, rank) => (rows + columns) * rank * rank,
  merge: sumDeltas,
};
