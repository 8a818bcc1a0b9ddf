import { TrimtabError } from "../../../shared/errors.ts";
import type { Cholesky } from "../../../shared/linalg/cholesky.ts";
import { type DenseMatrix, matrix, sizes } from "../../../shared/linalg/matrix.ts";
import { factorOf, type SolveReport, solvePositive } from "./positive-solve.ts";

/** A change of one weight, ΔW = a b, as it is added to W [in, out], y = kW. */
export interface SolvedChange {
  /** [in, n] */
  readonly a: DenseMatrix;
  /** [n, out] */
  readonly b: DenseMatrix;
  readonly solve: SolveReport;
}

const C_NAME = "C, the second moment of the keys,";

/** What `solveRome` solves with: at the width of a feed-forward layer it costs far more than a solve. Errors as for `solveRome`. */
export const momentFactor = (secondMoment: DenseMatrix): Cholesky => factorOf(secondMoment, C_NAME);

/**
 * ROME's change of one layer, ΔW = u δ / (u·k*), u = C⁻¹k*: the change that brings k*W to k*W + δ and disturbs the outputs of
 * the keys that C was measured on the least.
 *
 * Meng et al., "Locating and Editing Factual Associations in GPT" (2022). One key serves for u and for the normaliser, as in
 * Gupta et al., "Rebuilding ROME" (2024): with the original's two keys, sequences of edits collapse.
 *
 * Throws `invalid_request` if C is not positive definite (measured on too few tokens) or the key is zero.
 *
 * @param secondMoment C [in, in], the uncentred second moment of the layer's keys
 * @param key k* [in]
 * @param delta δ [out], what is added to the output at k*
 * @param factor from `momentFactor`, where several facts are solved with the same C
 */
export function solveRome(given: {
  readonly secondMoment: DenseMatrix;
  readonly key: Float64Array;
  readonly delta: Float64Array;
  readonly factor?: Cholesky;
}): SolvedChange {
  const { secondMoment, key, delta, factor } = given;
  const [size] = sizes(secondMoment);
  const { x, solve } = solvePositive(secondMoment, matrix(1, size, key), C_NAME, factor);
  let along = 0;
  for (let index = 0; index < size; index++) along += x.data[index]! * key[index]!;
  if (!(along > 0)) {
    throw new TrimtabError("invalid_request", "the subject's key is zero: no change of this layer can reach it");
  }
  return {
    a: matrix(
      size,
      1,
      x.data.map((value) => value / along),
    ),
    b: matrix(1, delta.length, Float64Array.from(delta)),
    solve,
  };
}
