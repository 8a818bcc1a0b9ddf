import { QrDecomposition } from "ml-matrix";
import { type DenseMatrix, fromMl, leading, product, sizes, toMl, transpose } from "./matrix.ts";

/**
 * The thin QR decomposition A = QR of A [m, n] by Householder reflections, k = min(m, n): Q [m, k] has orthonormal columns,
 * even if A is rank-deficient, and R [k, n] is upper triangular.
 */
export function qr(a: DenseMatrix): { readonly q: DenseMatrix; readonly r: DenseMatrix } {
  const [rows, columns] = sizes(a);
  if (rows >= columns) {
    const found = new QrDecomposition(toMl(a));
    return { q: fromMl(found.orthogonalMatrix), r: fromMl(found.upperTriangularMatrix) };
  }
  // ml-matrix does not accept wide matrices; the leading square block has the same Q.
  const { q, r: square } = qr(leading(a, rows));
  const r = product(transpose(q), a);
  for (let row = 0; row < rows; row++) {
    // Below the diagonal the product has rounding errors instead of zeros.
    r.data.set(square.data.subarray(row * rows, (row + 1) * rows), row * columns);
  }
  return { q, r };
}
