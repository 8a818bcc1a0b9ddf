import { SingularValueDecomposition } from "ml-matrix";
import { TrimtabError } from "../errors.ts";
import { type DenseMatrix, fromMl, leading, sizes, toMl } from "./matrix.ts";

/** The thin decomposition A = U diag(s) Vᵀ of A [m, n]: k = min(m, n), or less if truncated. */
export interface Svd {
  /** [m, k], orthonormal columns */
  readonly u: DenseMatrix;
  /** [k], descending, non-negative */
  readonly s: Float64Array;
  /** [n, k], orthonormal columns */
  readonly v: DenseMatrix;
}

/**
 * The thin singular value decomposition, by Golub and Kahan's bidiagonalisation in ml-matrix. The signs are chosen so that
 * the largest element of every column of U is positive. Throws `internal_error` for an element that is not finite.
 */
export function svd(a: DenseMatrix): Svd {
  if (!a.data.every(Number.isFinite)) {
    throw new TrimtabError("internal_error", "cannot decompose a matrix with NaN or infinite elements");
  }
  const found = new SingularValueDecomposition(toMl(a), { autoTranspose: true });
  const count = Math.min(...sizes(a));
  const u = leading(fromMl(found.leftSingularVectors), count);
  const v = leading(fromMl(found.rightSingularVectors), count);
  fixSigns(u, v);
  return { u, s: Float64Array.from(found.diagonal.slice(0, count)), v };
}

/** The number of singular values above `threshold`: the rank to that accuracy. */
export function numericalRank(s: Float64Array, threshold: number): number {
  return s.filter((value) => value > threshold).length;
}

/** Flips the signs of columns of `u`, and of the matching columns of `v`, in place. */
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
