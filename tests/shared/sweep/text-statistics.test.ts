import { expect, it } from "vitest";
import { distinctShare, repetitionRate } from "../../../shared/sweep/text-statistics.ts";
import { GOLDEN } from "./golden.ts";

it.each(GOLDEN.cases.map((given, index) => ({ index, ...given })))(
  "case $index has the shares that PyTorch counts",
  ({ texts, distinct, repetition }) => {
    for (const [index, expected] of distinct.entries()) {
      const share = distinctShare(texts, index + 1);
      if (expected === null) expect(share).toBeNull();
      else expect(share).toBeCloseTo(expected, 14);
    }
    const rate = repetitionRate(texts);
    if (repetition === null) expect(rate).toBeNull();
    else expect(rate).toBeCloseTo(repetition, 14);
  },
);

it("ids are told apart by more than their digits", () => {
  const texts = [
    [1, 23],
    [12, 3],
  ];
  expect(distinctShare(texts, 2)).toBe(1);
});

it("a text that says one thing over and over repeats nearly all of it; short texts do not count", () => {
  expect(repetitionRate([Array.from({ length: 103 }, () => 7)])).toBe(0.99);
  expect(repetitionRate([[1, 2, 3]])).toBeNull();
  expect(
    repetitionRate([
      [1, 2, 3],
      [1, 1, 1, 1, 1],
    ]),
  ).toBe(0.5);
  expect(distinctShare([], 1)).toBeNull();
});
