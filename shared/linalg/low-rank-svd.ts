import { type DenseMatrix, product, transpose } from "./matrix.ts";
import { qr } from "./qr.ts";
import { type Svd, svd } from "./svd.ts";

/**
 * The thin singular value decomposition of AB, A [m, R] and B [R, n], without forming AB: A = Q₁R₁, Bᵀ = Q₂R₂, and
 * R₁R₂ᵀ = U diag(s) Vᵀ has at most R rows and columns. There are min(m, R, n) singular values.
 */
export function svdOfProduct(a: DenseMatrix, b: DenseMatrix): Svd {
  const left = qr(a);
  const right = qr(transpose(b));
  const { u, s, v } = svd(product(left.r, transpose(right.r)));
  return { u: product(left.q, u), s, v: product(right.q, v) };
}
