import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { matrix, sizes } from "../../../shared/linalg/matrix.ts";
import { numericalRank, svd } from "../../../shared/linalg/svd.ts";
import { expectClose, expectOrthonormalColumns, randomOfRank, reassembled, SHAPES } from "./property.ts";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly matrix: { readonly shape: readonly [number, number]; readonly data: readonly number[] };
    readonly values: readonly number[];
  }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL("../../golden/linalg/svd.json", import.meta.url), "utf8"));

test.each(golden.cases)("numpy's singular values: $name", ({ matrix: { shape, data }, values }) => {
  const { s } = svd(matrix(...shape, Float64Array.from(data)));
  expect(s.length).toBe(values.length);
  // A backward stable decomposition moves each value by a few units of rounding of the largest one.
  for (const [index, value] of values.entries())
    expect(Math.abs(s[index]! - value)).toBeLessThanOrEqual(1e-14 * values[0]!);
});

test.each(SHAPES)("%s: A = U diag(s) Vᵀ, thin, with descending values and orthonormal columns", (_, make) => {
  const a = make();
  const [rows, columns] = sizes(a);
  const count = Math.min(rows, columns);
  const { u, s, v } = svd(a);
  expect([u.shape, s.length, v.shape]).toEqual([[rows, count], count, [columns, count]]);
  expectOrthonormalColumns(u);
  expectOrthonormalColumns(v);
  expectClose(reassembled(u, s, v), a);
  expect([...s]).toEqual([...s].sort((left, right) => right - left));
  expect(s.every((value) => value >= 0)).toBe(true);
});

test("the largest element of every column of U is positive", () => {
  const { u, v } = svd(matrix(2, 1, Float64Array.of(-3, 4)));
  expect([...u.data, ...v.data].map((value) => Number(value.toFixed(12)))).toEqual([-0.6, 0.8, 1]);
  expect([...svd(matrix(2, 1, Float64Array.of(3, -4))).v.data]).toEqual([-1]);
});

test("the numerical rank counts the values above the threshold", () => {
  expect(numericalRank(svd(randomOfRank(20, 12, 5)).s, 1e-12)).toBe(5);
  expect(numericalRank(Float64Array.of(4, 2, 1), 2)).toBe(1);
  expect(numericalRank(new Float64Array(3), 0)).toBe(0);
});

test("an element that is not finite is refused", () => {
  expect(() => svd(matrix(1, 2, Float64Array.of(1, Number.NaN)))).toThrow("NaN or infinite");
});
