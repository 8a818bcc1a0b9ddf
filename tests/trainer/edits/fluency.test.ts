import { expect, it } from "vitest";
import { fluency } from "../../../trainer/edits/fluency.ts";

it("is the weighted entropy of bigrams and trigrams, averaged over texts", () => {
  // 4 bigrams and 3 trigrams, all different.
  const varied = ((2 / 3) * 2 + (4 / 3) * Math.log2(3)) / 2;
  expect(fluency([[1, 2, 3, 4, 5]])).toBeCloseTo(varied, 12);
  expect(fluency([[1, 1, 1, 1, 1]])).toBe(0);
  expect(
    fluency([
      [1, 2, 3, 4, 5],
      [1, 1, 1, 1, 1],
    ]),
  ).toBeCloseTo(varied / 2, 12);
  expect(fluency([[1]])).toBe(0);
  expect(fluency([])).toBe(0);
});
