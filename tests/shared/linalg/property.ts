/** Shared by the tests of the decompositions. */
import { expect } from "vitest";
import { type DenseMatrix, matrix, product, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../shared/random.ts";

export function randomMatrix(rows: number, columns: number, ...stream: string[]): DenseMatrix {
  const random = createRandom(7, "linalg", rows, columns, ...stream);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

export const randomOfRank = (rows: number, columns: number, rank: number) =>
  product(randomMatrix(rows, rank), randomMatrix(rank, columns));

export function norm({ data }: DenseMatrix): number {
  return Math.hypot(...data);
}

/** ‖a − b‖ ≤ accuracy · max(‖b‖, scale), in the Frobenius norm. */
export function expectClose(a: DenseMatrix, b: DenseMatrix, accuracy = 1e-13, scale = 0): void {
  expect(a.shape).toEqual(b.shape);
  const difference = matrix(
    ...sizes(a),
    a.data.map((value, index) => value - b.data[index]!),
  );
  expect(norm(difference)).toBeLessThanOrEqual(accuracy * Math.max(norm(b), scale));
}

export function expectOrthonormalColumns(q: DenseMatrix): void {
  const [, columns] = sizes(q);
  const identity = matrix(columns, columns);
  for (let index = 0; index < columns; index++) identity.data[index * columns + index] = 1;
  expectClose(product(transpose(q), q), identity);
}

/** U diag(s) Vᵀ */
export function reassembled(u: DenseMatrix, s: Float64Array, v: DenseMatrix): DenseMatrix {
  const scaled = matrix(
    ...sizes(u),
    u.data.map((value, index) => value * s[index % s.length]!),
  );
  return product(scaled, transpose(v));
}

export const SHAPES: readonly (readonly [name: string, make: () => DenseMatrix])[] = [
  ["tall", () => randomMatrix(40, 7)],
  ["wide", () => randomMatrix(7, 40)],
  ["square", () => randomMatrix(16, 16)],
  ["rank 3, tall", () => randomOfRank(30, 10, 3)],
  ["rank 3, wide", () => randomOfRank(10, 30, 3)],
  ["zero", () => matrix(9, 4)],
  ["zero, wide", () => matrix(4, 9)],
  ["a column of zeros", () => matrix(3, 2, Float64Array.of(1, 0, 2, 0, 3, 0))],
  ["one column", () => randomMatrix(6, 1)],
  ["one row", () => randomMatrix(1, 6)],
  ["one element", () => matrix(1, 1, Float64Array.of(-3))],
];
