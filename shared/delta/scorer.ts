import type { Tensor } from "../tensor.ts";
/** The scoring head of a delta. */
export interface CanonicalScorer {
  /** [D, K] */
  readonly weight: Tensor<"f32">;
}
