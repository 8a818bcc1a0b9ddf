import { QrDecomposition } from "ml-matrix";
import { type DenseMatrix, fromMl, leading, product, sizes, toMl, transpose } from "./matrix.ts";

/**
 * The thin QR decomposition A = QR of A [m, n] by Householder reflections: Q [m, k] with orthonormal columns, also where
 * A lacks rank, and R [k, n] upper triangular, k = min(m, n).
 */
export function qr(a: DenseMatrix): { readonly q: DenseMatrix; readonly r: DenseMatrix } {
  const [rows, columns] = sizes(a);
  if (rows >= columns) {
    const found = new QrDecomposition(toMl(a));
    return { q: fromMl(found.orthogonalMatrix), r: fromMl(found.upperTriangularMatrix) };
  }
  // ml-matrix takes no wide matrix; the square part at its left has the same Q.
  const { q, r: square } = qr(leading(a, rows));
  const r = product(transpose(q), a);
  for (let row = 0; row < rows; row++) {
    // Below the diagonal the product leaves rounding errors in place of zeros.
    r.data.set(square.data.subarray(row * rows, (row + 1) * rows), row * columns);
  }
  return { q, r };
}
