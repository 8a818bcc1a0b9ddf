import { describe, expect, it } from "vitest";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { requireWholeTexts, wholeTextScores } from "../../../shared/delta/whole-text.ts";
import { f32 } from "../../../shared/tensor.ts";

/** Of width 2: class c scores h·(column c) + bias. */
const scorerOf = (columns: number[][], bias: number[], lookahead?: number): Scorer => ({
  weight: f32(
    [2, columns.length],
    [0, 1].flatMap((d) => columns.map((column) => column[d]!)),
  ),
  bias: f32([columns.length], bias),
  about: {
    labels: columns.map((_, c) => `class ${c}`),
    lead: [],
    temperatures: lookahead === undefined ? { token_values: 1 } : { lookahead },
  },
});

describe("wholeTextScores", () => {
  it("gives each class its calibrated probability", () => {
    const scorer = scorerOf(
      [
        [1, 0],
        [0, 2],
        [1, 1],
      ],
      [0, 0.5, -1],
      2,
    );
    // Scores 3, −1.5 and 1, over the temperature.
    const exps = [3, -1.5, 1].map((score) => Math.exp(score / 2));
    const sum = exps.reduce((total, value) => total + value, 0);
    const scores = wholeTextScores(scorer, Float32Array.of(3, -1));
    for (const [c, value] of exps.entries()) expect(scores[c]).toBeCloseTo(value / sum, 12);
  });

  it("gives a reward model's value as it is, over its temperature", () => {
    expect([...wholeTextScores(scorerOf([[1, 2]], [0.5], 4), Float32Array.of(3, -1))]).toEqual([(3 - 2 + 0.5) / 4]);
  });
});

describe("requireWholeTexts", () => {
  it("refuses a scorer that was calibrated for something else alone, and names the field", () => {
    expect(() =>
      requireWholeTexts(
        scorerOf(
          [
            [1, 0],
            [0, 1],
          ],
          [0, 0],
        ),
        "effect.classifier.id",
      ),
    ).toThrow(expect.objectContaining({ code: "invalid_request", param: "effect.classifier.id" }));
    expect(() =>
      requireWholeTexts(
        scorerOf(
          [
            [1, 0],
            [0, 1],
          ],
          [0, 0],
          1,
        ),
        "effect",
      ),
    ).not.toThrow();
  });
});
