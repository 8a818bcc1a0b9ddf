import { expect, it } from "vitest";
import { UnpairedTally } from "../../../shared/data/unpaired-statistics.ts";

const tally = (lines: readonly [string, boolean][]) => {
  const counted = new UnpairedTally();
  for (const [completion, label] of lines) counted.add({ prompt: "a", completion, label });
  return counted.statistics;
};

it("counts labels, repetitions and contradictions", () => {
  expect(
    tally([
      ["b", true],
      ["b", true],
      ["b", false],
      ["c", false],
    ]),
  ).toMatchObject({ lines: 4, desirable: 2, duplicates: 1, contradictions: 1 });
});

it("says how well length tells the labels apart, as the area under its curve", () => {
  const lengths = (desirable: number[], others: number[]) =>
    tally([
      ...desirable.map((n): [string, boolean] => ["x".repeat(n), true]),
      ...others.map((n): [string, boolean] => ["y".repeat(n), false]),
    ]).lengthBias;
  expect(lengths([3, 4], [1, 2])).toBe(1);
  expect(lengths([1], [2, 3])).toBe(0);
  expect(lengths([2], [2, 2])).toBe(0.5);
  // Of the six pairs, 3 beats 1 and 2 and ties with 3; 2 beats 1 and ties with 2.
  expect(lengths([3, 2], [1, 2, 3])).toBeCloseTo((2.5 + 1.5) / 6, 12);
  expect(lengths([3], [])).toBe(0.5);
});
