import { svdOfProduct } from "../../../shared/linalg/low-rank-svd.ts";
import { type DenseMatrix, matrix, product, sizes } from "../../../shared/linalg/matrix.ts";
import { numericalRank, type Svd, svd } from "../../../shared/linalg/svd.ts";

export interface Compressed {
  /** [in, rank] */
  readonly a: DenseMatrix;
  /** [rank, out] */
  readonly b: DenseMatrix;
  readonly rank: number;
  /** ‖ab − what was given‖ / ‖what was given‖ in the Frobenius norm, from the singular values left out. */
  readonly lost: number;
}

/** Singular values below this share of the largest are rounding errors of float64. */
const ROUNDING = 1e-14;

/**
 * The nearest change of at most `rank` to ΔW = ab, a [in, n], b [n, out], or ΔW itself at the rank that it has. The singular
 * values are shared evenly between the factors, so that both keep their accuracy in float32. A change that is zero gets rank 1.
 */
export function compress(change: { readonly a: DenseMatrix; readonly b: DenseMatrix }, rank = Infinity): Compressed {
  const { a, b } = change;
  const { u, s, v } = decomposed(a, b);
  const [rows] = sizes(a);
  const [, columns] = sizes(b);
  const exact = numericalRank(s, ROUNDING * (s[0] ?? 0));
  const count = Math.max(1, Math.min(rank, exact));
  const left = matrix(rows, count);
  const right = matrix(count, columns);
  for (let index = 0; index < count; index++) {
    const root = Math.sqrt(s[index]!);
    for (let row = 0; row < rows; row++) left.data[row * count + index] = root * u.data[row * s.length + index]!;
    for (let column = 0; column < columns; column++) {
      right.data[index * columns + column] = root * v.data[column * s.length + index]!;
    }
  }
  const length = (from: number) => Math.hypot(...s.subarray(from));
  return { a: left, b: right, rank: count, lost: count < exact ? length(count) / length(0) : 0 };
}

/** Without forming the product where it has a lower rank than its size allows. */
function decomposed(a: DenseMatrix, b: DenseMatrix): Svd {
  const [rows, inner] = sizes(a);
  const [, columns] = sizes(b);
  return 2 * inner > Math.min(rows, columns) ? svd(product(a, b)) : svdOfProduct(a, b);
}
