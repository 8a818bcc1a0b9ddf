import { describe, expect, test } from "vitest";
import { cholesky, solveRows } from "../../../shared/linalg/cholesky.ts";
import { gram, matrix, product, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { expectClose, randomMatrix } from "./property.ts";
import { SYMMETRIC_CASES } from "./symmetric-golden.ts";

const definite = SYMMETRIC_CASES.filter(({ condition }) => condition > 0);
const others = SYMMETRIC_CASES.filter(({ condition }) => condition === 0);

describe.each(definite)("$name", ({ a, condition }) => {
  const found = cholesky(a, { name: "A" });
  const [size] = sizes(a);

  test("LLᵀ = A, with L zero above the diagonal and no jitter", () => {
    const scale = Math.max(...a.data);
    const scaled = (of: typeof a) =>
      matrix(
        size,
        size,
        of.data.map((value) => value / scale),
      );
    expectClose(scaled(product(found.lower, transpose(found.lower))), scaled(a), 1e-14);
    for (let row = 0; row < size; row++) {
      for (let column = row + 1; column < size; column++) expect(found.lower.data[row * size + column]).toBe(0);
    }
    expect(found.jitter).toBe(0);
  });

  test("the condition is numpy's within a factor of 10, and never above it", () => {
    expect(found.condition / condition).toBeGreaterThan(0.1);
    // Rounding moves the smallest eigenvalue by about condition · 1e-16 of itself.
    expect(found.condition / condition).toBeLessThan(1 + 1e-15 * size * condition + 1e-12);
  });

  test("rows are solved to what the condition allows", () => {
    const wanted = randomMatrix(6, size, "wanted");
    const solved = solveRows(found, product(wanted, a));
    expectClose(solved, wanted, 1e-15 * size * condition);
  });
});

test.each(others)("$name is refused by name", ({ a }) => {
  expect(() => cholesky(a, { name: "λC + KᵀK" })).toThrow(
    expect.objectContaining({
      code: "invalid_request",
      message: expect.stringMatching(/^λC \+ KᵀK is not positive definite: pivot \d+ is -?\d/),
    }),
  );
});

test("jitter is added where it is allowed and needed, the least of its powers of ten, and told", () => {
  const a = gram(randomMatrix(9, 4));
  const mean = a.data.reduce((sum, value, index) => sum + (index % 10 === 0 ? value : 0), 0) / 9;
  const { lower, jitter, condition } = cholesky(a, { name: "A", maximalJitter: 1e-8 });
  expect(jitter).toBeGreaterThan(0);
  expect(jitter).toBeLessThanOrEqual(1e-12 * mean);
  expect(condition).toBeGreaterThan(1e11);
  const shifted = matrix(
    9,
    9,
    a.data.map((value, index) => value + (index % 10 === 0 ? jitter : 0)),
  );
  expectClose(product(lower, transpose(lower)), shifted, 1e-14);
  expect(cholesky(gram(randomMatrix(4, 9)), { name: "A", maximalJitter: 1e-8 }).jitter).toBe(0);
});

test("more jitter than allowed is refused", () => {
  const a = matrix(2, 2, Float64Array.of(1, 2, 2, 1));
  expect(() => cholesky(a, { name: "A", maximalJitter: 1e-8 })).toThrow(
    "A is not positive definite, even with 1e-8 of its mean added to the diagonal: pivot 1 is -3.00e+0",
  );
});

test("only the lower triangle is read", () => {
  const a = matrix(2, 2, Float64Array.of(4, Number.MAX_VALUE, 2, 5));
  expect([...cholesky(a, { name: "A" }).lower.data]).toEqual([2, 0, 1, 2]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("an element %d is refused", (value) => {
  expect(() => cholesky(matrix(1, 1, Float64Array.of(value)), { name: "C" })).toThrow(
    expect.objectContaining({ code: "non_finite", message: "C has NaN or infinite elements" }),
  );
});

test("a matrix that is not square is refused", () => {
  expect(() => cholesky(matrix(2, 3), { name: "C" })).toThrow("C is not square: 2 × 3");
});
