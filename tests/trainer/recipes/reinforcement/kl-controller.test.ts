import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adaptedCoefficient } from "../../../../trainer/recipes/reinforcement/kl-controller.ts";

const { controller } = JSON.parse(
  readFileSync(new URL("../../../golden/reinforcement/advantages.json", import.meta.url), "utf8"),
) as {
  readonly controller: {
    readonly target: number;
    readonly horizon: number;
    readonly replies: number;
    readonly steps: readonly { readonly beta: number; readonly kl: number; readonly next: number }[];
  };
};

describe("the controller of the divergence", () => {
  it("follows the reference's, at most a fifth of n / horizon at a time", () => {
    const { target, horizon, replies, steps } = controller;
    for (const { beta, kl, next } of steps) {
      expect(adaptedCoefficient(beta, { kl, replies }, { target, horizon })).toBeCloseTo(next, 14);
    }
  });

  it("raises the coefficient above the target, lowers it below, and leaves it there", () => {
    const at = (kl: number) => adaptedCoefficient(0.1, { kl, replies: 100 }, { target: 5 });
    expect(at(6)).toBeGreaterThan(0.1);
    expect(at(4)).toBeLessThan(0.1);
    expect(at(5)).toBe(0.1);
    expect(at(1e9)).toBe(at(50));
  });

  it("keeps a fixed coefficient without a target", () => {
    expect(adaptedCoefficient(0.1, { kl: 50, replies: 100 }, {})).toBe(0.1);
  });
});
