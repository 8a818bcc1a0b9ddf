import { TrimtabError } from "../errors.ts";
import { type DenseMatrix, matrix, sizes } from "./matrix.ts";
import { solveLower, solveLowerTransposed } from "./triangular.ts";

/** A + jitter · I = LLᵀ */
export interface Cholesky {
  /** L [n, n], zero above the diagonal */
  readonly lower: DenseMatrix;
  /** What was added to every element of the diagonal: 0 unless asked for and needed. */
  readonly jitter: number;
  /**
   * An estimate of cond₁(A + jitter · I) = ‖·‖₁ ‖·⁻¹‖₁, as LAPACK's: a lower bound that is seldom less than a third of it.
   * A solve loses about log₁₀ of this many of float64's 16 digits.
   */
  readonly condition: number;
}

export interface CholeskyOptions {
  /** What the matrix is, for error messages: "λC + KᵀK". */
  readonly name: string;
  /**
   * The most that may be added to the diagonal, relative to its mean, where the matrix is not positive definite; 0 by
   * default. The first of 1e-15, 1e-14, … that suffices is taken.
   */
  readonly maximalJitter?: number;
}

/** Of ten: less than 1e-15 of a diagonal element is lost in rounding. */
const SMALLEST_EXPONENT = -15;

/**
 * The Cholesky factor of a symmetric positive definite A [n, n], of which the lower triangle is read, with an estimate of
 * its condition.
 *
 * Throws `non_finite` for NaN or infinite elements, and `invalid_request` if A is not positive definite to float64's
 * accuracy and the jitter allowed does not make it so.
 */
export function cholesky(a: DenseMatrix, options: CholeskyOptions): Cholesky {
  const [size, columns] = sizes(a);
  if (size !== columns) throw new TrimtabError("internal_error", `${options.name} is not square: ${size} × ${columns}`);
  if (!a.data.every(Number.isFinite)) {
    throw new TrimtabError("non_finite", `${options.name} has NaN or infinite elements`);
  }
  const diagonal = Array.from({ length: size }, (_, row) => a.data[row * size + row]!);
  const mean = diagonal.reduce((sum, value) => sum + Math.abs(value), 0) / size;
  const most = options.maximalJitter ?? 0;
  const first = factor(a, 0);
  let found = first;
  let jitter = 0;
  for (let exponent = SMALLEST_EXPONENT; found.failedAt !== undefined && 10 ** exponent <= most; exponent++) {
    jitter = 10 ** exponent * mean;
    found = factor(a, jitter);
  }
  if (found.failedAt !== undefined) throw notPositiveDefinite(options.name, first, most);
  const { lower } = found;
  return { lower, jitter, condition: norm1(a, jitter) * inverseNorm1(lower) };
}

/** X [m, n] whose row i solves (A + jitter · I) x = bᵢ, for rows B [m, n]. */
export function solveRows({ lower }: Pick<Cholesky, "lower">, b: DenseMatrix): DenseMatrix {
  const [count, size] = sizes(b);
  const data = Float64Array.from(b.data);
  const rows = { data, start: 0, stride: size, count };
  solveLower(lower.data, size, size, rows);
  solveLowerTransposed(lower.data, size, size, rows);
  return matrix(count, size, data);
}

interface Attempt {
  readonly lower: DenseMatrix;
  readonly failedAt?: number;
  readonly pivot?: number;
}

/** Row i of L solves L[<i] y = A[i, <i] for its elements left of the diagonal. Four rows at a time. */
function factor(a: DenseMatrix, jitter: number): Attempt {
  const [size] = sizes(a);
  const lower = matrix(size, size);
  const l = lower.data;
  for (let row = 0; row < size; row++) {
    const start = row * size;
    l.set(a.data.subarray(start, start + row + 1), start);
    l[start + row]! += jitter;
  }
  for (let first = 0; first < size; first += 4) {
    const count = Math.min(4, size - first);
    solveLower(l, size, first, { data: l, start: first * size, stride: size, count });
    for (let row = first; row < first + count; row++) {
      const at = row * size;
      const given = l[at + row]!;
      for (let column = first; column <= row; column++) {
        const other = column * size;
        let sum = l[at + column]!;
        for (let k = 0; k < column; k++) sum -= l[at + k]! * l[other + k]!;
        if (column < row) {
          l[at + column] = sum / l[other + column]!;
          continue;
        }
        // A pivot that is a rounding error of what it was taken from says nothing of the matrix.
        if (!(sum > size * Number.EPSILON * given)) return { lower, failedAt: row, pivot: sum };
        l[at + row] = Math.sqrt(sum);
      }
    }
  }
  return { lower };
}

function notPositiveDefinite(name: string, { failedAt, pivot }: Attempt, most: number): TrimtabError {
  const even = most > 0 ? `, even with ${most} of its mean added to the diagonal` : "";
  return new TrimtabError(
    "invalid_request",
    `${name} is not positive definite${even}: pivot ${failedAt} is ${pivot!.toExponential(2)}`,
    { data: { matrix: name, row: failedAt, pivot } },
  );
}

/** The largest sum of magnitudes in a column of the symmetric matrix with A's lower triangle. */
function norm1(a: DenseMatrix, jitter: number): number {
  const [size] = sizes(a);
  const sums = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < row; column++) {
      const magnitude = Math.abs(a.data[row * size + column]!);
      sums[row]! += magnitude;
      sums[column]! += magnitude;
    }
    sums[row]! += Math.abs(a.data[row * size + row]! + jitter);
  }
  return sums.reduce((most, sum) => Math.max(most, sum), 0);
}

/**
 * An estimate of ‖(LLᵀ)⁻¹‖₁ from a few solves (Higham, "FORTRAN codes for estimating the one-norm of a real or complex
 * matrix", 1988): gradient ascent of ‖A⁻¹x‖₁ over ‖x‖₁ = 1 from corner to corner, and one vector that such ascents miss.
 */
function inverseNorm1(lower: DenseMatrix): number {
  const [size] = sizes(lower);
  const inverseTimes = (x: Float64Array) => solveRows({ lower }, matrix(1, size, x)).data;
  const sum = (x: Float64Array) => x.reduce((total, value) => total + Math.abs(value), 0);
  let x = new Float64Array(size).fill(1 / size);
  let estimate = 0;
  for (let step = 0; step < 5; step++) {
    const y = inverseTimes(x);
    const reached = sum(y);
    if (step > 0 && reached <= estimate) break;
    estimate = reached;
    const gradient = inverseTimes(y.map((value) => (value < 0 ? -1 : 1)));
    let corner = 0;
    let along = 0;
    for (let i = 0; i < size; i++) {
      along += gradient[i]! * x[i]!;
      if (Math.abs(gradient[i]!) > Math.abs(gradient[corner]!)) corner = i;
    }
    if (step > 0 && Math.abs(gradient[corner]!) <= along) break;
    x = new Float64Array(size);
    x[corner] = 1;
  }
  const alternating = Float64Array.from({ length: size }, (_, i) => (i % 2 ? -1 : 1) * (1 + i / Math.max(1, size - 1)));
  return Math.max(estimate, (2 * sum(inverseTimes(alternating))) / (3 * size));
}
