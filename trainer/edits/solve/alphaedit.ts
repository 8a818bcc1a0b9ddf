import { TrimtabError } from "../../../shared/errors.ts";
import { type DenseMatrix, gram, matrix, product, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { solvePositive } from "./positive-solve.ts";
import type { SolvedChange } from "./rome.ts";

/**
 * AlphaEdit's change of one layer: ΔW solves (P(KᵀK + C_prev) + λI) ΔW = P Kᵀ R, MEMIT's problem among the changes that leave
 * the outputs of keys outside of the null space as they are, with the outputs at earlier edits' keys held.
 *
 * Fang et al., "AlphaEdit: Null-Space Constrained Knowledge Editing for Language Models" (2025).
 *
 * ΔW = PΔW, so that the same ΔW solves the symmetric (P(KᵀK + C_prev)P + λI) ΔW = P Kᵀ R, which is solved here. Without earlier
 * edits and with fewer keys than inputs that is ΔW = P Kᵀ (K P Kᵀ + λI)⁻¹ R: the n × n matrix has the eigenvalues that count, so
 * its condition, which is then reported, is no worse.
 *
 * Throws `invalid_request` unless λ > 0.
 *
 * @param projector P [in, in] onto the null space, from `nullSpaceProjector`
 * @param keys K [n, in]
 * @param residuals R [n, out]
 * @param previous C_prev [in, in]: the sum of kᵀk over the keys of the edits before this one, zero if there are none
 * @param lambda the weight of ‖ΔW‖²
 */
export function solveAlphaEdit(given: {
  readonly projector: DenseMatrix;
  readonly keys: DenseMatrix;
  readonly residuals: DenseMatrix;
  readonly previous: DenseMatrix;
  readonly lambda: number;
}): SolvedChange {
  const { projector, keys, residuals, previous, lambda } = given;
  if (!(lambda > 0)) throw new TrimtabError("invalid_request", `AlphaEdit needs λ above 0, got ${lambda}`);
  const [count, size] = sizes(keys);
  const projected = product(keys, projector);
  const b = matrix(...sizes(residuals), Float64Array.from(residuals.data));
  const first = previous.data.every((value) => value === 0);
  if (first && count < size) {
    const small = plusDiagonal(gram(projected), lambda);
    const { x, solve } = solvePositive(small, transpose(projected), "KPKᵀ + λI");
    return { a: x, b, solve };
  }
  const left = plusDiagonal(gram(transpose(projected)), lambda);
  if (!first) {
    const held = product(product(projector, previous), projector);
    for (let index = 0; index < held.data.length; index++) left.data[index]! += held.data[index]!;
  }
  const { x, solve } = solvePositive(left, projected, "P(KᵀK + C_prev)P + λI");
  return { a: transpose(x), b, solve };
}

/** Adds λ to the diagonal, in place. */
function plusDiagonal(a: DenseMatrix, lambda: number): DenseMatrix {
  const [size] = sizes(a);
  for (let row = 0; row < size; row++) a.data[row * size + row]! += lambda;
  return a;
}
