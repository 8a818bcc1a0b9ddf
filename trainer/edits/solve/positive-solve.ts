import { type Cholesky, cholesky, solveRows } from "../../../shared/linalg/cholesky.ts";
import { type DenseMatrix, matrix, product, sizes } from "../../../shared/linalg/matrix.ts";

/** How well a solve went: what a report shows, and what a caller warns of. */
export interface SolveReport {
  /** An estimate of cond₁ of the matrix that was solved with, jitter included. */
  readonly condition: number;
  /** ‖B − XA‖ / ‖B‖ in the Frobenius norm, for the A asked for, without jitter. */
  readonly residual: number;
  /** What was added to the diagonal to make the matrix positive definite: 0, or at most 1e-10 of the diagonal's mean. */
  readonly jitter: number;
}

const MAXIMAL_JITTER = 1e-10;
/** Float64 reaches this unless the matrix is badly conditioned. */
const GOOD_RESIDUAL = 1e-13;
const REFINEMENTS = 3;

/**
 * X [m, n] whose row i solves A x = bᵢ, for a symmetric positive definite A [n, n] and rows B [m, n].
 *
 * By Cholesky in float64. Where jitter or rounding leaves a residual, the solve is refined with A itself (Golub and Van Loan,
 * "Matrix Computations", 3.5.3). Errors as for `cholesky`. `factor`: that of A, where several solves share it.
 */
export function solvePositive(
  a: DenseMatrix,
  b: DenseMatrix,
  name: string,
  factor: Cholesky = factorOf(a, name),
): { readonly x: DenseMatrix; readonly solve: SolveReport } {
  const size = norm(b);
  let x = solveRows(factor, b);
  let rest = difference(b, product(x, a));
  for (let step = 0; step < REFINEMENTS && norm(rest) > GOOD_RESIDUAL * size; step++) {
    const refined = sum(x, solveRows(factor, rest));
    const left = difference(b, product(refined, a));
    if (norm(left) >= norm(rest)) break;
    x = refined;
    rest = left;
  }
  const residual = size === 0 ? 0 : norm(rest) / size;
  return { x, solve: { condition: factor.condition, residual, jitter: factor.jitter } };
}

/** What `solvePositive` solves with. */
export function factorOf(a: DenseMatrix, name: string): Cholesky {
  return cholesky(a, { name, maximalJitter: MAXIMAL_JITTER });
}

function norm({ data }: DenseMatrix): number {
  let squares = 0;
  for (const value of data) squares += value * value;
  return Math.sqrt(squares);
}

function difference(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  return matrix(
    ...sizes(a),
    a.data.map((value, index) => value - b.data[index]!),
  );
}

function sum(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  return matrix(
    ...sizes(a),
    a.data.map((value, index) => value + b.data[index]!),
  );
}
