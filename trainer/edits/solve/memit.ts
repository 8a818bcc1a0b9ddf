import { TrimtabError } from "../../../shared/errors.ts";
import { type DenseMatrix, gram, matrix, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { solvePositive } from "./positive-solve.ts";
import type { SolvedChange } from "./rome.ts";

/**
 * MEMIT's change of one layer, ΔW = (λC + KᵀK)⁻¹KᵀR: the least squares between the residuals asked for at the new keys and no
 * change at the keys that C was measured on. As λ falls to 0, independent keys get their residuals exactly.
 *
 * Meng et al., "Mass-Editing Memory in a Transformer" (2023).
 *
 * Throws `invalid_request` unless λ > 0, and if λC + KᵀK is not positive definite: C was measured on too few tokens.
 *
 * @param secondMoment C [in, in]
 * @param keys K [n, in]
 * @param residuals R [n, out]
 * @param lambda how many keys of the text one edited key is weighed against
 */
export function solveMemit(given: {
  readonly secondMoment: DenseMatrix;
  readonly keys: DenseMatrix;
  readonly residuals: DenseMatrix;
  readonly lambda: number;
}): SolvedChange {
  const { secondMoment, keys, residuals, lambda } = given;
  if (!(lambda > 0)) throw new TrimtabError("invalid_request", `MEMIT needs λ above 0, got ${lambda}`);
  const left = gram(transpose(keys));
  for (let index = 0; index < left.data.length; index++) left.data[index]! += lambda * secondMoment.data[index]!;
  const { x, solve } = solvePositive(left, keys, "λC + KᵀK");
  return { a: transpose(x), b: matrix(...sizes(residuals), Float64Array.from(residuals.data)), solve };
}
