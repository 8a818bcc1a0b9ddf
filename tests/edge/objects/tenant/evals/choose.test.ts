import { expect, it } from "vitest";
import { logprobOfEnd } from "../../../../../edge/objects/tenant/evals/choose.ts";

const token = (text: string, logprob: number | null) => {
  return { id: 0, token: text, bytes: [...new TextEncoder().encode(text)], logprob, rank: null, top: [] };
};

it("adds up the tokens that a text ends with, and those that reach into it", () => {
  const scores = [token("<s>", null), token("It", -1), token(" is", -2), token(" bl", -4), token("üe", -8)];
  expect(logprobOfEnd(scores, " blüe")).toBe(-12);
  expect(logprobOfEnd(scores, "lüe")).toBe(-12);
  expect(logprobOfEnd(scores, "e")).toBe(-8);
  expect(logprobOfEnd([token("a", null), token("b", -1)], "ab")).toBe(-1);
  expect(() => logprobOfEnd([token("b", -1)], "ab")).toThrow("incomplete");
});
