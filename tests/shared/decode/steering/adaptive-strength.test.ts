import { describe, expect, it } from "vitest";
import { AdaptiveStrength } from "../../../../shared/decode/steering/adaptive-strength.ts";

const logit = (p: number) => Math.log(p / (1 - p));

describe("AdaptiveStrength", () => {
  it("stays as it is without a target", () => {
    const strength = new AdaptiveStrength({ strength: -3, unit: 1 });
    for (const p of [0.01, 0.5, 1]) strength.follow(Math.log(p));
    expect(strength.value).toBe(-3);
  });

  it("moves by a quarter of the unit for each unit of log-odds to the target", () => {
    const strength = new AdaptiveStrength({ strength: 30, target: 0.9, unit: 30 });
    strength.follow(Math.log(0.7));
    const first = 30 + 7.5 * (logit(0.9) - logit(0.7));
    expect(strength.value).toBeCloseTo(first, 10);
    strength.follow(Math.log(0.95));
    expect(strength.value).toBeCloseTo(first + 7.5 * (logit(0.9) - logit(0.95)), 10);
  });

  it("rests at the target", () => {
    const strength = new AdaptiveStrength({ strength: 2, target: 0.8, unit: 1 });
    strength.follow(Math.log(0.8));
    expect(strength.value).toBeCloseTo(2, 12);
  });

  it("takes steps of at most one unit, between 0 and 10 units, also where the classifier is certain", () => {
    const strength = new AdaptiveStrength({ strength: 1, target: 0.5, unit: 2 });
    strength.follow(Number.NEGATIVE_INFINITY);
    expect(strength.value).toBe(3);
    for (let n = 0; n < 20; n++) strength.follow(-800);
    expect(strength.value).toBe(20);
    strength.follow(0);
    expect(strength.value).toBe(18);
    for (let n = 0; n < 20; n++) strength.follow(0);
    expect(strength.value).toBe(0);
  });

  it("brings a text that answers to it to the target", () => {
    const strength = new AdaptiveStrength({ strength: 1, target: 0.9, unit: 1 });
    let p = 0.5;
    // A text whose log-odds are a little less than λ.
    for (let n = 0; n < 60; n++) {
      const odds = Math.exp(strength.value - 0.5);
      p = odds / (1 + odds);
      strength.follow(Math.log(p));
    }
    expect(p).toBeCloseTo(0.9, 6);
  });
});
