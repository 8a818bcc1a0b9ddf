import { expect, test } from "vitest";
import { fromMl, gram, leading, matrix, product, toMl, transpose, widened } from "../../../shared/linalg/matrix.ts";
import { f32 } from "../../../shared/tensor.ts";
import { expectClose, randomMatrix } from "./property.ts";

const a = matrix(2, 3, Float64Array.of(1, 2, 3, 4, 5, 6));

test("products, transposes and leading columns", () => {
  expect(product(a, transpose(a))).toEqual(matrix(2, 2, Float64Array.of(14, 32, 32, 77)));
  expect(transpose(a)).toEqual(matrix(3, 2, Float64Array.of(1, 4, 2, 5, 3, 6)));
  expect(leading(a, 2)).toEqual(matrix(2, 2, Float64Array.of(1, 2, 4, 5)));
  expect(product(matrix(2, 1), matrix(1, 2))).toEqual(matrix(2, 2));
});

test("the Gram matrix is the product with the transpose", () => {
  const random = randomMatrix(9, 13);
  expectClose(gram(random), product(random, transpose(random)));
});

test("conversions to and from ml-matrix keep the elements", () => {
  expect(fromMl(toMl(a))).toEqual(a);
});

test("float32 is widened into a copy", () => {
  const source = f32([1, 2], [0.1, 2]);
  expect(widened(source)).toEqual(matrix(1, 2, Float64Array.of(Math.fround(0.1), 2)));
});
