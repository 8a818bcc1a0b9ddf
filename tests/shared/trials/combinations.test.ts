import { describe, expect, it } from "vitest";
import { SweepSettings } from "../../../shared/api/sweeps.ts";
import { combinationsOf } from "../../../shared/trials/combinations.ts";

const settings = (sweep: Record<string, unknown>) => SweepSettings.parse({ method: { type: "supervised" }, ...sweep });
const values = (sweep: Record<string, unknown>, seed = 1) =>
  combinationsOf(settings(sweep), seed).map((combination) => combination.map(({ value }) => value));

describe("a grid", () => {
  it("has every combination, the last axis changing fastest, and knows where a value stands", () => {
    const axes = [
      { path: "peft.r", values: [2, 4] },
      { path: "seed", values: [1, 2, 3] },
    ];
    expect(values({ axes })).toEqual([
      [2, 1],
      [2, 2],
      [2, 3],
      [4, 1],
      [4, 2],
      [4, 3],
    ]);
    expect(combinationsOf(settings({ axes }), 1)[4]).toEqual([
      { value: 4, index: 1 },
      { value: 2, index: 1 },
    ]);
  });

  it("has both ends of a range and what lies between on its scale", () => {
    const axis = { path: "hyperparameters.learning_rate", min: 0.001, max: 0.1, steps: 3 };
    expect(values({ axes: [{ ...axis, scale: "log" }] })).toEqual([[0.001], [0.01], [0.1]]);
    expect(values({ axes: [axis] })).toEqual([[0.001], [0.0505], [0.1]]);
    expect(values({ axes: [{ path: "peft.r", min: 1, max: 3, steps: 5, integer: true }] })).toEqual([[1], [2], [3]]);
  });
});

describe("a random search", () => {
  const axes = [
    { path: "hyperparameters.learning_rate", min: 1e-4, max: 1e-1, scale: "log" },
    { path: "peft.r", min: 2, max: 5, integer: true },
    { path: "hyperparameters.packing", values: [true, false] },
  ];

  it("draws the same combinations for the same seed, each once, within the ranges", () => {
    const drawn = values({ axes, search: "random", trials: 64 }, 7);
    expect(drawn).toEqual(values({ axes, search: "random", trials: 64 }, 7));
    expect(drawn).not.toEqual(values({ axes, search: "random", trials: 64 }, 8));
    expect(new Set(drawn.map((one) => JSON.stringify(one))).size).toBe(64);
    for (const [rate, rank] of drawn as [number, number][]) {
      expect(rate).toBeGreaterThanOrEqual(1e-4);
      expect(rate).toBeLessThanOrEqual(1e-1);
      expect([2, 3, 4, 5]).toContain(rank);
    }
    // Half of a logarithmic range lies below its geometric mean.
    const below = drawn.filter(([rate]) => (rate as number) < Math.sqrt(1e-4 * 1e-1)).length;
    expect(below).toBeGreaterThan(16);
    expect(below).toBeLessThan(48);
  });

  it("has every combination where as many are asked for, and never more", () => {
    const few = [{ path: "peft.r", values: [1, 2, 3] }];
    expect(values({ axes: few, search: "random", trials: 3 }).flat().toSorted()).toEqual([1, 2, 3]);
    expect(() => values({ axes: few, search: "random", trials: 4 })).toThrow("only 3 combinations");
    const whole = [{ path: "peft.r", min: 1, max: 2, integer: true }];
    expect(() => values({ axes: whole, search: "random", trials: 3 })).toThrow("only 2 combinations");
  });
});
