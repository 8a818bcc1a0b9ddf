import { expect, it } from "vitest";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { magnitude } from "../../../shared/delta/magnitude.ts";
import { f32 } from "../../../shared/tensor.ts";

const of = (shape: readonly number[], ...values: number[]) => f32(shape, Float32Array.from(values));

it("bounds values, and the products of factors", () => {
  expect(magnitude(NO_DELTA)).toBe(0);
  expect(magnitude({ ...NO_DELTA, prompt: of([1, 2], 3, -7) })).toBe(7);
  const linears = new Map([["p", { a: of([1, 2], 1, -10), b: of([2, 1], 20, 3) }]]);
  expect(magnitude({ ...NO_DELTA, linears })).toBe(10 * 20 * 2);
  const embedding = { a: of([2, 1], 1, 2), b: of([1, 2], 0, 100) };
  expect(magnitude({ ...NO_DELTA, linears, embedding })).toBe(400);
});

it("is what each element of a product stays below", () => {
  const a = of([2, 2], 1, 2, 3, -4);
  const b = of([2, 2], 5, -6, 7, 8);
  const product = [1 * 5 + 2 * 7, 1 * -6 + 2 * 8, 3 * 5 - 4 * 7, 3 * -6 - 4 * 8].map(Math.abs);
  expect(Math.max(...product)).toBeLessThanOrEqual(magnitude({ ...NO_DELTA, linears: new Map([["p", { a, b }]]) }));
});
