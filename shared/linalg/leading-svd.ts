import type { Random } from "../random.ts";
import { type DenseMatrix, leading, matrix, product, sizes, transpose } from "./matrix.ts";
import { type Svd, svd } from "./svd.ts";

/** Residuals of the triplets, ‖Aᵀu − σv‖, as a part of the largest singular value. */
const TOLERANCE = 1e-10;

/**
 * The `count` largest singular values of A [m, n] with their vectors; all of them where there are fewer. Eight to sixteen
 * triplets of layers 256 to 768 wide take a sixth to a ninth of the time of `svd`.
 *
 * Golub and Kahan's bidiagonalisation from a random start, every new vector made orthogonal to all before it (Golub and Van
 * Loan, "Matrix Computations", 10.4), until the triplets of the bidiagonal matrix are triplets of A. At min(m, n) steps
 * they are all of them. Signs are as they come, the same for the same random numbers.
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

/** Scales `x` to length 1, in place; gives the length that it had. */
function normalise(x: Float64Array): number {
  const length = lengthOf(x);
  if (length > 0) for (let i = 0; i < x.length; i++) x[i]! /= length;
  return length;
}

/**
 * Takes from `x` what lies along the vectors of `basis` and scales the rest to length 1, in place. Gives the length of the
 * rest, or 0 where that is rounding error alone and `x` is worth nothing.
 */
function orthonormal(x: Float64Array, basis: readonly Float64Array[]): number {
  const before = lengthOf(x);
  // Once more, since what is left of a long vector is as inexact as that was long.
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
 * As `orthonormal`; where nothing is left, since the space of `basis` is closed under A, `x` becomes a new direction beside
 * it, to which it is not coupled: 0.
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
