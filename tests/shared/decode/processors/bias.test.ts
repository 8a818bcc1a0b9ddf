import { expect, it } from "vitest";
import { bias } from "../../../../shared/decode/processors/bias.ts";
import { processed } from "../processing.ts";

it("adds to the scores of the tokens named, and passes over those that the vocabulary does not have", () => {
  const pairs = [
    [0, 100],
    [2, -1.5],
    [99, 7],
  ] as const;
  expect(processed("bias", pairs, { logits: [1, 2, 3] })).toEqual([101, 2, 1.5]);
});

it("is neutral when nothing is added", () => {
  expect(bias.isNeutral([])).toBe(true);
  expect(bias.isNeutral([[3, 0]])).toBe(true);
  expect(bias.isNeutral([[3, -1]])).toBe(false);
});
