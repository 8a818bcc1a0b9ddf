/**
 * How far a state is from those that a scorer was trained on, as a sign that its judgement means nothing there.
 *
 * The distance is Mahalanobis' (Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
 * Attacks", 2018), with a covariance of r directions and one variance for all others (Tipping and Bishop, "Probabilistic
 * Principal Component Analysis", 1999), so that a scorer stores r + 1 vectors of the model's width instead of a square of it:
 *
 *     d² = (Σ_i (u_i·x)² / λ_i + (‖x‖² − Σ_i (u_i·x)²) / σ²) / D,  x = h − μ
 *
 * Divided by the width D, d is about 1 at most for the states themselves: less where the covariance was widened.
 */
import type { Tensor } from "../tensor.ts";

/** Legend: D width of the model, r directions. */
export interface SeenStates {
  /** μ [D] */
  readonly mean: Tensor<"f32">;
  /** u [D, r], orthonormal columns. */
  readonly directions: Tensor<"f32">;
}

/** What the tensors do not say: λ [r], σ², and the distance beyond which a text is unlike those seen. */
export interface SeenSpread {
  readonly variances: readonly number[];
  readonly rest: number;
  readonly threshold: number;
}

/** d of a state h [D]. */
export function distanceFrom({ mean, directions }: SeenStates, spread: SeenSpread, state: ArrayLike<number>): number {
  const width = mean.data.length;
  const count = spread.variances.length;
  const along = new Float64Array(count);
  let squares = 0;
  for (let d = 0, at = 0; d < width; d++) {
    const x = state[d]! - mean.data[d]!;
    squares += x * x;
    for (let i = 0; i < count; i++, at++) along[i]! += x * directions.data[at]!;
  }
  let distance = 0;
  for (const [i, variance] of spread.variances.entries()) {
    const square = along[i]! ** 2;
    squares -= square;
    distance += square / variance;
  }
  // Rounding can leave a little less than nothing of a state within the directions.
  return Math.sqrt((distance + Math.max(0, squares) / spread.rest) / width);
}
