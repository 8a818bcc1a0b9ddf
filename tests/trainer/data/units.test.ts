import { expect, it } from "vitest";
import { lengthsOf, longestOf, tokensOf, unitsOf } from "../../../trainer/data/units.ts";

const example = (length: number) => ({ ids: new Int32Array(length), labels: new Int32Array(length) });

it("counts the tokens of units", () => {
  const pair = { examples: [example(3), example(5)] };
  const units = [pair, ...unitsOf([example(2)])];
  expect(units.map(lengthsOf)).toEqual([[3, 5], [2]]);
  expect([tokensOf(units), longestOf(units)]).toEqual([10, 5]);
  expect([tokensOf([]), longestOf([])]).toEqual([0, 0]);
});
