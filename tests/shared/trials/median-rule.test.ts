import { describe, expect, it } from "vitest";
import { stopOf } from "../../../shared/trials/median-rule.ts";

const values = (...of: number[]) => of.map((value, index) => ({ step: 10 * (index + 1), value }));
const rule = { min_steps: 0, min_trials: 3 };
const stop = (own: number[], others: number[][], changes: object = {}) =>
  stopOf(
    values(...own),
    others.map((one) => values(...one)),
    { rule: { ...rule, ...changes }, goal: "minimize" },
  );

describe("the median rule", () => {
  it("stops a trial at the first step where its best is worse than the median of the others' best", () => {
    expect(
      stop(
        [1, 6],
        [
          [3, 2],
          [4, 4],
          [5, 5],
        ],
      ),
    ).toBeUndefined();
    expect(
      stop(
        [4, 4.5],
        [
          [5, 2],
          [4, 4],
          [5, 3],
        ],
      ),
    ).toEqual({ step: 20, value: 4, median: 3 });
    expect(
      stop(
        [9, 9],
        [
          [5, 2],
          [4, 4],
          [5, 3],
        ],
      ),
    ).toMatchObject({ step: 10, value: 9, median: 5 });
  });

  it("counts only trials that have come as far, and as many as asked", () => {
    expect(stop([9, 9], [[5], [4, 4], [5]])).toMatchObject({ step: 10 });
    expect(stop([5, 9], [[5], [4, 4], [5]])).toBeUndefined();
    expect(stop([9], [[1], [1]])).toBeUndefined();
    expect(stop([9], [[1], [1]], { min_trials: 2 })).toMatchObject({ median: 1 });
    expect(
      stop(
        [9, 2],
        [
          [1, 1],
          [1, 1],
          [1, 1],
        ],
        { min_steps: 20 },
      ),
    ).toMatchObject({ step: 20, value: 2 });
    expect(stop([], [[1], [1], [1]])).toBeUndefined();
  });

  it("takes the middle of two for an even number, and the other direction for a goal above", () => {
    expect(stop([4], [[1], [2], [4], [5]])).toMatchObject({ median: 3 });
    const up = { rule, goal: "maximize" } as const;
    expect(stopOf(values(1), [values(2), values(2), values(2)], up)).toMatchObject({ median: 2 });
  });
});
