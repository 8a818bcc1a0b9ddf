import { describe, expect, it } from "vitest";
import { minP } from "../../../../shared/decode/processors/min-p.ts";
import { goldenCases, scoresOf } from "../golden-processors.ts";
import { processed } from "../processing.ts";

describe("min_p", () => {
  const cases = goldenCases("min_p");

  it("has cases", () => expect(cases.length).toBeGreaterThan(5));

  it.each(cases)("gives transformers' scores for $settings (%#)", (golden) => {
    const scores = scoresOf(golden);
    expect(scores.map((score) => score === null)).toEqual(golden.scores.map((score) => score === null));
    for (const [token, score] of golden.scores.entries()) {
      if (score !== null) expect(Math.abs(scores[token]! - score)).toBeLessThan(1e-6);
    }
  });
});

it("is neutral at 0, and keeps the likeliest and its equals at 1", () => {
  expect([minP.isNeutral(0), minP.isNeutral(0.1)]).toEqual([true, false]);
  const out = Number.NEGATIVE_INFINITY;
  expect(processed("minP", 1, { logits: [3, 2, 3] })).toEqual([3, out, 3]);
});
