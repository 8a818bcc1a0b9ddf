import { expect, test } from "vitest";
import { bestApproximation } from "../../../shared/linalg/best-approximation.ts";
import { leading, matrix, product, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { svd } from "../../../shared/linalg/svd.ts";
import { expectClose, norm, randomMatrix, randomOfRank, reassembled, SHAPES } from "./property.ts";

test.each([
  ["tall", 60, 20],
  ["wide", 20, 60],
])("%s: the truncated decomposition", (_, rows, columns) => {
  const a = randomMatrix(rows, columns);
  const { u, s, v } = svd(a);
  for (const rank of [1, 4, 20, 25]) {
    const { left, right } = bestApproximation(a, rank);
    const count = Math.min(rank, 20);
    expect([left.shape, right.shape]).toEqual([
      [rows, count],
      [count, columns],
    ]);
    expectClose(product(left, right), reassembled(leading(u, count), s.slice(0, count), leading(v, count)), 1e-9);
  }
});

test.each(SHAPES)("%s: at full rank nothing is lost", (_, make) => {
  const a = make();
  const { left, right } = bestApproximation(a, Math.min(...sizes(a)));
  expectClose(product(left, right), a);
});

test("a matrix of lower rank is reproduced exactly", () => {
  const a = randomOfRank(30, 18, 3);
  const { left, right } = bestApproximation(a, 5);
  expectClose(product(left, right), a);
});

test("the transpose has the transposed approximation, and equal inputs give equal bits", () => {
  const a = randomMatrix(24, 10);
  const one = bestApproximation(a, 3);
  const other = bestApproximation(transpose(a), 3);
  expectClose(transpose(product(other.left, other.right)), product(one.left, one.right));
  expect(bestApproximation(a, 3)).toEqual(one);
});

test("no other product of that rank is nearer", () => {
  const a = randomMatrix(15, 12);
  const { left, right } = bestApproximation(a, 2);
  const error = (b: typeof a) =>
    norm(
      matrix(
        15,
        12,
        a.data.map((value, index) => value - b.data[index]!),
      ),
    );
  const least = error(product(left, right));
  for (const [index, factor] of [...left.data.keys()].entries()) {
    const moved = matrix(15, 2, Float64Array.from(left.data));
    moved.data[index]! += factor % 2 === 0 ? 1e-3 : -1e-3;
    expect(error(product(moved, right))).toBeGreaterThan(least);
  }
});
