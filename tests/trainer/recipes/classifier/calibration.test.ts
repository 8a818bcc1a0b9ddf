import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import {
  fitTemperature,
  type Judgement,
  qualityOf,
  reliabilityOf,
} from "../../../../trainer/recipes/classifier/calibration.ts";

/** Judgements whose labels are drawn from softmax(logits / temperature), so that this temperature is the right one. */
function drawn(count: number, { classes, temperature }: { classes: number; temperature: number }): Judgement[] {
  const random = createRandom(9, "judgements", classes, temperature);
  return Array.from({ length: count }, () => {
    const logits = Float64Array.from({ length: classes }, () => 3 * temperature * random.normal());
    const weights = logits.map((logit) => Math.exp(logit / temperature));
    let left = random.float() * weights.reduce((sum, weight) => sum + weight, 0);
    const label = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return { logits, label: Math.max(0, label) };
  });
}

describe("fitTemperature", () => {
  it.each([
    [2, 0.4],
    [2, 3],
    [5, 1.7],
  ])("finds the temperature that %i classes were drawn with: %f", (classes, temperature) => {
    const judgements = drawn(4000, { classes, temperature });
    expect(fitTemperature(judgements) / temperature).toBeGreaterThan(0.93);
    expect(fitTemperature(judgements) / temperature).toBeLessThan(1.07);
    const [bare, fitted] = [1, fitTemperature(judgements)].map((each) => qualityOf(judgements, each));
    expect(fitted!.nll).toBeLessThan(bare!.nll);
    expect(fitted!.ece).toBeLessThan(bare!.ece);
    expect(fitted!.ece).toBeLessThan(0.02);
    expect(fitted!.accuracy).toBe(bare!.accuracy);
  });

  it("trusts few judgements that are all right less than many", () => {
    const right = (count: number) =>
      Array.from({ length: count }, () => ({ logits: Float64Array.of(2, -2), label: 0 }));
    const confidence = (count: number) => Math.exp(-qualityOf(right(1), fitTemperature(right(count))).nll);
    // Platt's share of the true class.
    for (const count of [1, 10, 200]) expect(confidence(count)).toBeCloseTo((count + 1) / (count + 2), 3);
  });

  it("stays within its bounds", () => {
    const wrong = Array.from({ length: 50 }, () => ({ logits: Float64Array.of(5, 0), label: 1 }));
    expect(fitTemperature(wrong)).toBeCloseTo(20, 3);
    const faint = Array.from({ length: 5000 }, () => ({ logits: Float64Array.of(0.01, 0), label: 0 }));
    expect(fitTemperature(faint)).toBeCloseTo(0.05, 3);
  });
});

describe("qualityOf", () => {
  it("counts, and weighs the gaps of the bins", () => {
    const at = (p: number, label: number) => ({ logits: Float64Array.of(Math.log(p), Math.log(1 - p)), label });
    // Two bins: confidence .75 with one of two right, and .95 with the only one right.
    const quality = qualityOf([at(0.75, 0), at(0.75, 1), at(0.95, 0)], 1);
    expect(quality.accuracy).toBeCloseTo(2 / 3, 10);
    expect(quality.nll).toBeCloseTo(-(Math.log(0.75) + Math.log(0.25) + Math.log(0.95)) / 3, 10);
    expect(quality.ece).toBeCloseTo((2 * 0.25 + 0.05) / 3, 10);
    const bins = reliabilityOf([at(0.75, 0), at(0.75, 1), at(0.95, 0)], 1);
    expect(bins.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 0, 1]);
    expect(bins[7]).toEqual({ from: 0.7, to: 0.8, count: 2, confidence: expect.closeTo(0.75, 10), accuracy: 0.5 });
    expect(bins[0]).toEqual({ from: 0, to: 0.1, count: 0, confidence: 0, accuracy: 0 });
  });
});
