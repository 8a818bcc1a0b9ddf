import { describe, expect, it } from "vitest";
import { topK } from "../../../../shared/decode/processors/top-k.ts";
import { goldenCases, scoresOf } from "../golden-processors.ts";
import { processed } from "../processing.ts";

describe("top_k", () => {
  const cases = goldenCases("top_k");

  it("has cases", () => expect(cases.length).toBeGreaterThan(7));

  it.each(cases)("gives transformers' scores for $settings (%#)", (golden) => {
    const scores = scoresOf(golden);
    expect(scores.map((score) => score === null)).toEqual(golden.scores.map((score) => score === null));
    for (const [token, score] of golden.scores.entries()) {
      if (score !== null) expect(Math.abs(scores[token]! - score)).toBeLessThan(1e-6);
    }
  });
});

it("leaves all tokens with 0 and -1, and with more than there are", () => {
  expect([topK.isNeutral(0), topK.isNeutral(-1), topK.isNeutral(1)]).toEqual([true, true, false]);
  expect(processed("topK", 9, { logits: [1, 2, 3] })).toEqual([1, 2, 3]);
});

it("does not take a token that an earlier processor ruled out", () => {
  const out = Number.NEGATIVE_INFINITY;
  expect(processed("topK", 2, { logits: [out, 2, out] })).toEqual([out, 2, out]);
});
