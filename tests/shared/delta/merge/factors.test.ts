import { expect, test } from "vitest";
import {
  factorsOf,
  narrowed,
  reduced,
  roundingOf,
  vanishes,
  withFactors,
} from "../../../../shared/delta/merge/factors.ts";
import { matrix, product } from "../../../../shared/linalg/matrix.ts";
import { expectClose } from "../../linalg/property.ts";
import { Q, randomDelta, UP } from "./deltas.ts";

test("factors are widened and narrowed without loss; a layer without factors stays without", () => {
  const delta = randomDelta("one");
  const module = delta.linears.get(Q)!;
  expect(narrowed(factorsOf(module))).toEqual(module);
  expect(factorsOf(delta.linears.get(UP)!)).toBeUndefined();
  expect(narrowed(undefined)).toBeUndefined();
});

test("only products are changed, and removed if nothing remains", () => {
  const delta = randomDelta("one");
  expect(withFactors(delta, (factors) => factors)).toEqual(delta);
  const without = withFactors(delta, () => undefined);
  expect(without.embedding).toBeUndefined();
  expect(without.linears.get(Q)).toEqual({});
  expect(without.linears.get(UP)).toEqual(delta.linears.get(UP));
});

test("a product vanishes when its terms cancel up to float32 rounding", () => {
  const a = matrix(2, 2, Float64Array.of(1, 1, 2, 2));
  const cancelling = (rest: number) => ({ a, b: matrix(2, 2, Float64Array.of(3, 5, -3, -5 + rest)) });
  expect(vanishes(cancelling(0))).toBe(true);
  expect(vanishes(cancelling(1e-8))).toBe(true);
  expect(vanishes(cancelling(1e-5))).toBe(false);
  expect(roundingOf(cancelling(0))).toBeCloseTo(2 ** -24 * Math.sqrt(10) * Math.sqrt(68), 12);
});

test("the leading singular vectors, with the values in B, up to the rank of the product", () => {
  // Singular values 3 and 2 in three columns.
  const a = matrix(3, 3, Float64Array.of(3, 0, 3, 0, 2, 0, 0, 0, 0));
  const b = matrix(3, 2, Float64Array.of(0.5, 0, 0, 1, 0.5, 0));
  const [one, two] = [reduced({ a, b }, 1)!, reduced({ a, b }, 5)!];
  expect([one.a.shape, two.a.shape]).toEqual([
    [3, 1],
    [3, 2],
  ]);
  expectClose(product(one.a, one.b), matrix(3, 2, Float64Array.of(3, 0, 0, 0, 0, 0)));
  expectClose(product(two.a, two.b), product(a, b));
  expect(reduced({ a, b: matrix(3, 2) }, 5)).toBeUndefined();
});

test("factors that need all their columns are unchanged", () => {
  const factors = factorsOf(randomDelta("one", 3).linears.get(Q)!)!;
  expect(reduced(factors, 3)).toBe(factors);
});
