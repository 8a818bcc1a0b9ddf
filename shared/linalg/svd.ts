import { SingularValueDecomposition } from "ml-matrix";
import { TrimtabError } from "../errors.ts";
import { type DenseMatrix, fromMl, leading, sizes, toMl } from "./matrix.ts";

/** A = U diag(s) Vᵀ of A [m, n], thin: k = min(m, n), or less where it was truncated. */
export interface Svd {
  /** [m, k], orthonormal columns */
  readonly u: DenseMatrix;
  /** [k], falling, none negative */
  readonly s: Float64Array;
  /** [n, k], orthonormal columns */
  readonly v: DenseMatrix;
}

/**
 * The thin singular value decomposition, by Golub and Kahan's bidiagonalisation in ml-matrix. Of two opposite signs a
 * pair of columns has the one that makes the largest element of U's column positive, so that equal inputs give equal
 * factors. Throws `internal_error` for an element that is not finite.
 */
export function svd(a: DenseMatrix): Svd {
  if (!a.data.every(Number.isFinite)) {
    throw new TrimtabError("internal_error", "a matrix with an element that is not finite has no singular values");
  }
  const found = new SingularValueDecomposition(toMl(a), { autoTranspose: true });
  const count = Math.min(...sizes(a));
  const u = leading(fromMl(found.leftSingularVectors), count);
  const v = leading(fromMl(found.rightSingularVectors), count);
  fixSigns(u, v);
  return { u, s: Float64Array.from(found.diagonal.slice(0, count)), v };
}

/** How many singular values exceed `threshold`: the rank, to that accuracy. */
export function numericalRank(s: Float64Array, threshold: number): number {
  return s.filter((value) => value > threshold).length;
}

/** Turns columns of `u`, and with them those of `v`, round in place. */
function fixSigns(u: DenseMatrix, v: DenseMatrix): void {
  const [rows, count] = sizes(u);
  for (let column = 0; column < count; column++) {
    let largest = 0;
    for (let row = 0; row < rows; row++) {
      const value = u.data[row * count + column]!;
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    if (largest >= 0) continue;
    for (const { data } of [u, v]) {
      for (let index = column; index < data.length; index += count) data[index] = -data[index]!;
    }
  }
}
