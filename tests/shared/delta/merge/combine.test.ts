import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { meanOfAgreeing, weightedSum } from "../../../../shared/delta/merge/combine.ts";
import { pruneSmallest } from "../../../../shared/delta/merge/prune.ts";

const terms = (...rows: readonly (readonly [weight: number, ...values: number[]])[]) =>
  rows.map(([weight, ...values], index) => ({ values: Float64Array.from(values), weight, index }));

test("a weighted sum", () => {
  expect([...weightedSum(terms([2, 1, 0], [-1, 3, 5]))]).toEqual([-1, -5]);
});

test("the larger total elects the sign, and the values that agree are averaged", () => {
  const three = terms([1, 4, -1, 0, 2], [1, -3, -1, 0, -2], [1, -2, 5, 0, 0]);
  expect([...meanOfAgreeing(three, { majoritySignMethod: "total" })]).toEqual([-2.5, 5, 0, 2]);
});

test("with frequency, the more frequent sign wins", () => {
  const three = terms([1, 4, -1], [1, -3, -1], [1, -2, 5]);
  expect([...meanOfAgreeing(three, { majoritySignMethod: "frequency" })]).toEqual([-2.5, -1]);
});

test("the magnitudes of weights do not vote, but their signs flip the deltas", () => {
  const weighted = terms([0.1, 3], [10, -1]);
  expect([...meanOfAgreeing(weighted, { majoritySignMethod: "total" })][0]).toBeCloseTo(0.3, 15);
  const turned = terms([-1, 3, 3], [1, -2, 4]);
  expect([...meanOfAgreeing(turned, { majoritySignMethod: "total" })]).toEqual([-2.5, 4]);
});

interface Golden {
  readonly tensors: { readonly data: readonly number[] };
  readonly cases: readonly {
    readonly function: "task_arithmetic" | "magnitude_prune" | "ties" | "dare_linear" | "dare_ties";
    readonly weights: readonly number[];
    readonly density?: number;
    readonly majoritySign?: "total" | "frequency";
    /** The mask that DARE drew. */
    readonly masks?: { readonly data: readonly number[] };
    readonly result: { readonly data: readonly number[] };
  }[];
}
const path = new URL("../../../golden/merge/dense.json", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(path, "utf8"));

test.each(golden.cases)("peft's $function, density $density, $majoritySign", (wanted) => {
  const { weights, density = 1, majoritySign, masks, result } = wanted;
  const size = result.data.length;
  const all = weights.map((weight, index) => {
    const values = Float64Array.from(golden.tensors.data.slice(index * size, (index + 1) * size));
    if (masks === undefined) return pruneSmallest({ values, weight, index }, { density });
    return { values: values.map((value, at) => (value * masks.data[index * size + at]!) / density), weight, index };
  });
  const merged =
    majoritySign === undefined ? weightedSum(all) : meanOfAgreeing(all, { majoritySignMethod: majoritySign });
  for (const [at, value] of result.data.entries()) expect(merged[at]).toBeCloseTo(value, 6);
});
