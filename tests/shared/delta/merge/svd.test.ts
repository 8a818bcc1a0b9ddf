import { expect, test } from "vitest";
import { svd } from "../../../../shared/delta/merge/svd.ts";
import { bestApproximation } from "../../../../shared/linalg/best-approximation.ts";
import { product } from "../../../../shared/linalg/matrix.ts";
import { expectClose } from "../../linalg/property.ts";
import { linears, lowRank, productOf, Q, sumOfAdditions } from "./deltas.ts";

const OPTIONS = { density: 1, majoritySignMethod: "total", seed: 0 } as const;

test("the nearest matrix of the given rank to the weighted sum", () => {
  const terms = [
    { delta: linears({ [Q]: lowRank(4, "one") }), weight: 0.5 },
    { delta: linears({ [Q]: lowRank(3, "two") }), weight: -1.5 },
  ];
  const { left, right } = bestApproximation(sumOfAdditions(terms).get(Q)!, 2);
  const merged = svd.merge(terms, { ...OPTIONS, rank: 2 }).linears.get(Q)!;
  expect(merged.a!.shape).toEqual([12, 2]);
  expectClose(productOf(merged), product(left, right), 1e-6);
});

test("a rank above that of the sum adds no columns", () => {
  const delta = linears({ [Q]: lowRank(3, "one") });
  expect(svd.merge([{ delta, weight: 2 }], { ...OPTIONS, rank: 7 }).linears.get(Q)!.a!.shape).toEqual([12, 3]);
});
