import { describe, expect, test } from "vitest";
import { gram, matrix, product, sizes, transpose } from "../../../shared/linalg/matrix.ts";
import { symmetricEigen } from "../../../shared/linalg/symmetric-eigen.ts";
import { expectClose, expectOrthonormalColumns, randomMatrix } from "./property.ts";
import { SYMMETRIC_CASES } from "./symmetric-golden.ts";

describe.each(SYMMETRIC_CASES)("$name", ({ a, values }) => {
  const found = symmetricEigen(a);
  const largest = Math.max(...values.map(Math.abs));
  const [size] = sizes(a);
  const scaled = (of: Float64Array) => of.map((value) => value / largest);

  test("numpy's eigenvalues", () => {
    expect(found.values.length).toBe(size);
    for (const [index, value] of values.entries()) {
      expect(Math.abs(found.values[index]! - value) / largest).toBeLessThanOrEqual(1e-15 * Math.max(4, size));
    }
  });

  test("A = Vᵀ diag(values) V, with orthonormal rows", () => {
    expectOrthonormalColumns(transpose(found.vectors));
    const spread = matrix(
      size,
      size,
      found.vectors.data.map((value, index) => value * scaled(found.values)[Math.floor(index / size)]!),
    );
    expectClose(product(transpose(found.vectors), spread), matrix(size, size, scaled(a.data)), 1e-14);
  });
});

test("a wide layer's second moment: more rotations than are kept at once", () => {
  const a = gram(randomMatrix(300, 200));
  const { values, vectors } = symmetricEigen(a);
  const spread = matrix(
    300,
    300,
    vectors.data.map((value, index) => value * values[Math.floor(index / 300)]!),
  );
  expectClose(product(transpose(vectors), spread), a, 1e-13);
  // Rank 200.
  expect(values.filter((value) => Math.abs(value) < 1e-12 * values[299]!).length).toBe(100);
});

test("only the lower triangle is read; a matrix of zeros has any basis", () => {
  const a = matrix(2, 2, Float64Array.of(2, 1e9, 1, 2));
  expectClose(matrix(1, 2, symmetricEigen(a).values), matrix(1, 2, Float64Array.of(1, 3)), 1e-15);
  const zero = symmetricEigen(matrix(3, 3));
  expect([...zero.values]).toEqual([0, 0, 0]);
  expectOrthonormalColumns(zero.vectors);
});

test.each([Number.NaN, Number.NEGATIVE_INFINITY])("an element %d is refused", (value) => {
  expect(() => symmetricEigen(matrix(1, 1, Float64Array.of(value)))).toThrow(
    expect.objectContaining({ code: "non_finite" }),
  );
});
