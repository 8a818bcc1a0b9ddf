import { describe, expect, it } from "vitest";
import { distinct, repetition } from "../../../../trainer/recipes/reinforcement/text-statistics.ts";

describe("statistics of texts", () => {
  it("counts different n-grams over all texts", () => {
    expect(distinct([[1, 2, 1, 2]], 1)).toBe(0.5);
    expect(distinct([[1, 2, 1, 2]], 2)).toBeCloseTo(2 / 3, 12);
    expect(distinct([Int32Array.of(1, 2), Int32Array.of(1, 2)], 2)).toBe(0.5);
    // Digits that run together are not one token.
    expect(
      distinct(
        [
          [1, 23],
          [12, 3],
        ],
        2,
      ),
    ).toBe(1);
    expect(distinct([[1]], 2)).toBe(1);
  });

  it("counts what a text repeats of itself", () => {
    expect(repetition([[1, 2, 3, 4, 5]], 4)).toBe(0);
    expect(repetition([[1, 1, 1, 1, 1, 1]], 4)).toBeCloseTo(2 / 3, 12);
    expect(
      repetition(
        [
          [1, 1, 1, 1, 1, 1],
          [1, 2],
        ],
        4,
      ),
    ).toBeCloseTo(1 / 3, 12);
    expect(repetition([], 4)).toBe(0);
  });
});
