import type { Random } from "../random.ts";
import { type DenseMatrix, leading, matrix, product, sizes, transpose } from "./matrix.ts";
import { type Svd, svd } from "./svd.ts";

/** The largest residual ‖Aᵀu − σv‖ of a triplet, relative to the largest singular value. */
const TOLERANCE = 1e-10;

/**
 * The `count` largest singular values of A [m, n] with their vectors, or all min(m, n) if that is fewer. For 8 to 16 triplets
 * of layers 256 to 768 wide, 6 to 9 times as fast as `svd`.
 *
 * Golub and Kahan's bidiagonalisation from a random start with full reorthogonalisation (Golub and Van Loan, "Matrix
 * Computations", 10.4), continued until the triplets of the bidiagonal matrix converge to triplets of A. After min(m, n)
 * steps they are exact. Signs are arbitrary but reproducible: equal random numbers give equal signs.
 */
export function leadingSvd(a: DenseMatrix, count: number, random: Random): Svd {
  const [rows, columns] = sizes(a);
  if (rows >= columns) return tallLeadingSvd(a, Math.min(count, columns), random);
  const { u: v, s, v: u } = tallLeadingSvd(transpose(a), Math.min(count, rows), random);
  return { u, s, v };
}

function tallLeadingSvd(a: DenseMatrix, count: number, random: Random): Svd {
  const [, columns] = sizes(a);
  const across = transpose(a);
  const draw = (length: number) => Float64Array.from({ length }, () => random.normal());
  const us: Float64Array[] = [];
  const vs: Float64Array[] = [];
  const diagonal: number[] = [];
  const above: number[] = [];
  let next: Float64Array = draw(columns);
  normalise(next);
  for (let wanted = Math.min(columns, 2 * count + 8); ; wanted = Math.min(columns, Math.ceil(1.5 * wanted))) {
    while (vs.length < wanted) {
      vs.push(next);
      const u = times(a, next);
      diagonal.push(nextDirection(u, us, draw));
      us.push(u);
      next = times(across, u);
      above.push(nextDirection(next, vs, draw));
    }
    const small = matrix(wanted, wanted);
    for (let i = 0; i < wanted; i++) {
      small.data[i * wanted + i] = diagonal[i]!;
      if (i + 1 < wanted) small.data[i * wanted + i + 1] = above[i]!;
    }
    const found = svd(small);
    const residual = (i: number) => above[wanted - 1]! * Math.abs(found.u.data[(wanted - 1) * wanted + i]!);
    const isDone = found.s.slice(0, count).every((_, i) => residual(i) <= TOLERANCE * found.s[0]!);
    if (wanted < columns && !isDone) continue;
    return {
      u: product(columnsOf(us), leading(found.u, count)),
      s: found.s.slice(0, count),
      v: product(columnsOf(vs), leading(found.v, count)),
    };
  }
}

function times({ shape, data }: DenseMatrix, x: Float64Array): Float64Array {
  const [rows, columns] = sizes({ shape });
  const result = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += data[start + column]! * x[column]!;
    result[row] = sum;
  }
  return result;
}

function lengthOf(x: Float64Array): number {
  let squares = 0;
  for (const value of x) squares += value * value;
  return Math.sqrt(squares);
}

/** Scales `x` to length 1, in place, and returns its former length. */
function normalise(x: Float64Array): number {
  const length = lengthOf(x);
  if (length > 0) for (let i = 0; i < x.length; i++) x[i]! /= length;
  return length;
}

/**
 * Removes the components of `x` along the vectors of `basis` and scales the remainder to length 1, in place. Returns the
 * remainder's length, or 0 if the remainder is only rounding error and `x` is meaningless.
 */
function orthonormal(x: Float64Array, basis: readonly Float64Array[]): number {
  const before = lengthOf(x);
  // Twice, because the first pass leaves a rounding error in proportion to the original length.
  for (let pass = 0; pass < 2; pass++) {
    for (const vector of basis) {
      let along = 0;
      for (let i = 0; i < x.length; i++) along += vector[i]! * x[i]!;
      for (let i = 0; i < x.length; i++) x[i]! -= along * vector[i]!;
    }
  }
  const length = normalise(x);
  return length > 1e-14 * before ? length : 0;
}

/**
 * Like `orthonormal`, but if nothing remains (`basis` spans an invariant subspace), `x` becomes a new random direction
 * orthogonal to `basis`, and the coupling returned is 0.
 */
function nextDirection(
  x: Float64Array,
  basis: readonly Float64Array[],
  draw: (length: number) => Float64Array,
): number {
  const length = orthonormal(x, basis);
  if (length === 0 && basis.length < x.length) {
    x.set(draw(x.length));
    orthonormal(x, basis);
  }
  return length;
}

function columnsOf(vectors: readonly Float64Array[]): DenseMatrix {
  const rows = vectors[0]!.length;
  const result = matrix(rows, vectors.length);
  for (const [column, vector] of vectors.entries()) {
    for (let row = 0; row < rows; row++) result.data[row * vectors.length + column] = vector[row]!;
  }
  return result;
}
