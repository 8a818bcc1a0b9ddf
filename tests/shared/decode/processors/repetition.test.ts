import { describe, expect, it } from "vitest";
import { repetition } from "../../../../shared/decode/processors/repetition.ts";
import { goldenCases, scoresOf } from "../golden-processors.ts";
import { processedRow, rowState } from "../processing.ts";

describe("repetition_penalty", () => {
  const cases = goldenCases("repetition_penalty");

  it("has cases", () => expect(cases.length).toBeGreaterThan(5));

  it.each(cases)("gives transformers' scores for $settings (%#)", (golden) => {
    const scores = scoresOf(golden);
    expect(scores.map((score) => score === null)).toEqual(golden.scores.map((score) => score === null));
    for (const [token, score] of golden.scores.entries()) {
      if (score !== null) expect(Math.abs(scores[token]! - score)).toBeLessThan(1e-6);
    }
  });
});

it("counts the prompt, goes on from step to step, and forgets a row that leaves", () => {
  const processor = repetition.create();
  const tokens: number[] = [];
  // The prompt is 1, 2, 3.
  const row = rowState(tokens);
  const step = () => {
    const scores = Float64Array.of(4, 4, -4, 4, 4);
    processor.apply([processedRow({ row, settings: 2, scores })]);
    return [...scores];
  };
  expect(step()).toEqual([4, 2, -8, 2, 4]);
  tokens.push(0, 1);
  expect(step()).toEqual([2, 2, -8, 2, 4]);
  tokens.push(4, 4);
  expect(step()).toEqual([2, 2, -8, 2, 2]);
  processor.update?.({ removed: [row], added: [], moved: [] });
  tokens.length = 0;
  expect(step()).toEqual([4, 2, -8, 2, 4]);
});
