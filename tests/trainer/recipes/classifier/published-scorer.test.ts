import { describe, expect, it } from "vitest";
import { ScorerAbout } from "../../../../shared/delta/scorer.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import type { Judgement } from "../../../../trainer/recipes/classifier/calibration.ts";
import { SCORER } from "../../../../trainer/recipes/classifier/parameters.ts";
import { publishedScorer } from "../../../../trainer/recipes/classifier/published-scorer.ts";

const right: Judgement = { logits: Float64Array.of(1, -1), label: 0 };
const wrong: Judgement = { logits: Float64Array.of(1, -1), label: 1 };
const shares = [
  [right, wrong],
  [right, wrong],
  [right, right],
  [right, right],
];
const head = new Map<string, Tensor<"f32">>([
  [SCORER.weight, f32([1, 2], [1, 2])],
  [SCORER.bias, f32([2], [3, 4])],
]);
const rows = new Map<string, Tensor<"f32">>([
  ...head,
  [SCORER.logScale, f32([1], [Math.log(8)])],
  [SCORER.rowBias, f32([2], [0.5, -0.5])],
]);
const parts = { labels: ["a", "b"], prior: [0.5, 0.5], lead: [1], control: [[2], [3]] };

describe("a published scorer", () => {
  it("has the ways that were judged, and a description that fits them", () => {
    const { scorer } = publishedScorer({ ...parts, values: head, judgements: new Map([["lookahead", shares]]) });
    expect(scorer).toMatchObject({ weight: head.get(SCORER.weight), bias: head.get(SCORER.bias) });
    expect(scorer.tokens).toBeUndefined();
    expect(scorer.about.class_rows).toBeUndefined();
    expect(Object.keys(scorer.about.temperatures)).toEqual(["lookahead"]);
    expect(ScorerAbout.safeParse(scorer.about).success).toBe(true);
  });

  it("states the rows' ids and numbers", () => {
    const { scorer } = publishedScorer({ ...parts, values: rows, judgements: new Map([["class_rows", shares]]) });
    expect(scorer.about.class_rows).toMatchObject({ control: [[2], [3]], bias: [0.5, -0.5] });
    expect(scorer.about.class_rows!.scale).toBeCloseTo(8, 5);
    expect(ScorerAbout.safeParse(scorer.about).success).toBe(true);
  });

  it("measures every share, before and after the calibration", () => {
    const { metrics } = publishedScorer({ ...parts, values: head, judgements: new Map([["lookahead", shares]]) });
    expect([25, 50, 75, 100].map((share) => metrics[`lookahead_accuracy_${share}`])).toEqual([0.5, 0.5, 1, 1]);
    // Of all judgements, 6 of 8 are right, and the smoothed share of the true class is 9 in 10 of them.
    const confidence = 1 / (1 + Math.exp(-2 / metrics.lookahead_temperature!));
    expect(confidence).toBeCloseTo((9 * 0.75 + 0.25) / 10, 4);
    expect(metrics.lookahead_ece).toBeLessThan(metrics.lookahead_ece_before!);
    for (const share of [25, 50, 75, 100]) {
      for (const what of ["nll", "nll_before", "ece", "ece_before"]) {
        expect(metrics[`lookahead_${what}_${share}`]).toBeGreaterThanOrEqual(0);
      }
    }
  });
});
