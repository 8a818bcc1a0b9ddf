import { expect, it } from "vitest";
import { endOf, lengthsOf, longestOf, tokensOf, unitsOf } from "../../../trainer/data/units.ts";

const example = (length: number) => ({ ids: new Int32Array(length), labels: new Int32Array(length) });

it("counts the tokens of units", () => {
  const pair = { examples: [example(3), example(5)] };
  const units = [pair, ...unitsOf([example(2)])];
  expect(units.map(lengthsOf)).toEqual([[3, 5], [2]]);
  expect([tokensOf(units), longestOf(units)]).toEqual([10, 5]);
  expect([tokensOf([]), longestOf([])]).toEqual([0, 0]);
});

it("ends an example at its last trained token, or at its last one", () => {
  const labelled = (...labels: number[]) => ({ ids: new Int32Array(labels.length), labels: Int32Array.from(labels) });
  expect([labelled(-100, 5, 6), labelled(-100, 5, -100), labelled(-100, -100)].map(endOf)).toEqual([2, 1, 1]);
});
