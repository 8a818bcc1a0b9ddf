import { expect, test } from "vitest";
import { meanOfAgreeing, weightedSum } from "../../../../shared/delta/merge/combine.ts";

const terms = (...rows: readonly (readonly [weight: number, ...values: number[]])[]) =>
  rows.map(([weight, ...values], index) => ({ values: Float64Array.from(values), weight, index }));

test("a weighted sum", () => {
  expect([...weightedSum(terms([2, 1, 0], [-1, 3, 5]))]).toEqual([-1, -5]);
});

test("the larger total elects the sign, and those that agree are averaged", () => {
  const three = terms([1, 4, -1, 0, 2], [1, -3, -1, 0, -2], [1, -2, 5, 0, 0]);
  expect([...meanOfAgreeing(three, { majoritySignMethod: "total" })]).toEqual([-2.5, 5, 0, 2]);
});

test("the more frequent sign wins where values are counted", () => {
  const three = terms([1, 4, -1], [1, -3, -1], [1, -2, 5]);
  expect([...meanOfAgreeing(three, { majoritySignMethod: "frequency" })]).toEqual([-2.5, -1]);
});

test("weights do not vote, but their signs turn the deltas round", () => {
  const weighted = terms([0.1, 3], [10, -1]);
  expect([...meanOfAgreeing(weighted, { majoritySignMethod: "total" })][0]).toBeCloseTo(0.3, 15);
  const turned = terms([-1, 3, 3], [1, -2, 4]);
  expect([...meanOfAgreeing(turned, { majoritySignMethod: "total" })]).toEqual([-2.5, 4]);
});
