import { describe, expect, it } from "vitest";
import type { Perturbation } from "../../../../shared/decode/processor.ts";
import { gradient } from "../../../../shared/decode/steering/gradient.ts";
import type { Scorer } from "../../../../shared/delta/scorer.ts";
import { planned } from "../../../contract/steering-cases.ts";
import { SCORERS } from "../../../contract/steering-model.ts";
import { probabilities, processedRow, rowState } from "../processing.ts";

const ASKED = { id: "tone", label: "rude" };

describe("what is asked", () => {
  it("has the paper's defaults, and gamma as its examples with classifiers have it", () => {
    expect(gradient.schema.parse(ASKED)).toEqual({
      ...ASKED,
      iterations: 3,
      step_size: 0.02,
      gamma: 1,
      kl_scale: 0.01,
      gm_scale: 0.9,
      pool: "last",
    });
  });

  it("runs a row that judges the text behind the classifier's lead, or behind the prompt where it has none", () => {
    const { companions, perturbedBy, settings } = planned("gradient", { ...ASKED, window: 5 });
    expect(companions).toEqual([
      { role: "gradient", model: { at: "gradient.id" }, prompt: { kind: "tokens", ids: [1] }, final: true },
    ]);
    expect(perturbedBy).toBe("gradient");
    const { perturbation } = settings as unknown as { perturbation: Perturbation };
    expect(perturbation).toMatchObject({ judge: "gradient", label: 1, temperature: 1.5, iterations: 3, window: 5 });
    const { tone } = SCORERS as { tone: Scorer };
    const leadless = { ...tone, about: { ...tone.about, lead: [] } };
    expect(planned("gradient", ASKED, { scorer: () => leadless }).companions![0]!.prompt).toEqual({ kind: "own" });
  });

  it("is refused for a class that there is not, and for a classifier that does not look ahead", () => {
    expect(() => planned("gradient", { ...ASKED, label: "calm" })).toThrow(
      expect.objectContaining({ param: "gradient.label", message: expect.stringContaining('it has "kind", "rude"') }),
    );
    const { tone } = SCORERS as { tone: Scorer };
    const blind = { ...tone, about: { ...tone.about, temperatures: { token_values: 1 } } };
    expect(() => planned("gradient", ASKED, { scorer: () => blind })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "gradient.id" }),
    );
  });
});

describe("the processor", () => {
  const own = Float32Array.of(1, 0, -1);
  const logits = Float32Array.of(0, 2, 0);
  const row = (more: object, settings = planned("gradient", { ...ASKED, gm_scale: 0.75 }).settings) =>
    processedRow<never>({ settings: settings as never, scores: Float64Array.from(own), logits: () => own, ...more });

  it("fuses by a geometric mean", () => {
    const given = row({ perturb: () => ({ logits, losses: [2, 1] }) });
    gradient.processor.create().apply([given as never]);
    const [p, q] = [probabilities([...own]), probabilities([...logits])];
    const mean = p.map((each, token) => q[token]! ** 0.75 * each ** 0.25);
    const sum = mean.reduce((total, each) => total + each, 0);
    for (const [token, each] of probabilities([...given.scores]).entries())
      expect(each).toBeCloseTo(mean[token]! / sum, 9);
  });

  it("works on the distribution that other parts left, and keeps out what they ruled out", () => {
    const scores = Float64Array.of(1, Number.NEGATIVE_INFINITY, 4);
    const given = row({ scores, perturb: () => ({ logits: own, losses: [] }) });
    gradient.processor.create().apply([given as never]);
    // The memory says what it said: nothing changes.
    expect([...scores]).toEqual([1, Number.NEGATIVE_INFINITY, 4]);
  });

  it("waits, with the scores as they were, until every iteration is done", () => {
    const waits: Promise<void>[] = [];
    const given = row({ perturb: () => undefined, wait: (work: Promise<void>) => void waits.push(work) });
    gradient.processor.create().apply([given as never]);
    expect(waits.length).toBe(1);
    expect([...given.scores]).toEqual([...own]);
  });

  it("gives the states of the text's tokens where their mean is judged", () => {
    const { settings } = planned("gradient", { ...ASKED, pool: "mean" });
    const seen: unknown[] = [];
    const perturb = ({ before }: Perturbation) => {
      seen.push([...Array.from(before!.sum), before!.count]);
      return { logits, losses: [] };
    };
    const generated: number[] = [];
    const state = rowState(generated);
    const processor = gradient.processor.create();
    const step = () =>
      processor.apply([row({ row: state, perturb, final: () => Float32Array.of(3, 4) }, settings) as never]);
    step();
    generated.push(7);
    step();
    step();
    generated.push(8);
    step();
    expect(seen).toEqual([[0], [3, 4, 1], [3, 4, 1], [6, 8, 2]]);
    // A row that has left leaves no sum behind.
    processor.update?.({ removed: [state], added: [], moved: [] });
    generated.length = 0;
    step();
    expect(seen.at(-1)).toEqual([0]);
  });
});
