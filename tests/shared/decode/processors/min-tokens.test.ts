import { expect, it } from "vitest";
import { minTokens } from "../../../../shared/decode/processors/min-tokens.ts";
import { processed } from "../processing.ts";

const out = Number.NEGATIVE_INFINITY;
const logits = [1, 2, 3];

it("rules out the tokens that end a text until it has its length", () => {
  const settings = { tokens: 2, endTokens: [2, 0, 99] };
  for (const generated of [[], [1]]) {
    expect(processed("minTokens", settings, { logits, generated })).toEqual([out, 2, out]);
  }
  expect(processed("minTokens", settings, { logits, generated: [1, 1] })).toEqual(logits);
});

it("leaves a token where every one ends the text", () => {
  expect(processed("minTokens", { tokens: 2, endTokens: [0, 1, 2] }, { logits })).toEqual(logits);
  expect(processed("minTokens", { tokens: 2, endTokens: [0] }, { logits: [1, out, out] })).toEqual([1, out, out]);
});

it("is neutral without a length, and where nothing ends a text", () => {
  expect(minTokens.isNeutral({ tokens: 0, endTokens: [1] })).toBe(true);
  expect(minTokens.isNeutral({ tokens: 3, endTokens: [] })).toBe(true);
  expect(minTokens.isNeutral({ tokens: 1, endTokens: [1] })).toBe(false);
});
