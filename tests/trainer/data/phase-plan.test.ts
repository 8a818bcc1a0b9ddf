import { describe, expect, it } from "vitest";
import { createPhasePlan, type PhasePlanOptions, phaseStepsPerEpoch } from "../../../trainer/data/phase-plan.ts";

const options = (changes: Partial<PhasePlanOptions> = {}): PhasePlanOptions => ({
  ...{ examples: 10, batchSize: 4, accumulation: 1, seed: 7, param: "method.ppo.hyperparameters" },
  ...{ generations: 3, epochs: 2, minibatches: 2, ...changes },
});
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe("a plan in phases", () => {
  it("answers every prompt once an epoch of the data, in phases of nearly equal size", () => {
    const plan = createPhasePlan(options());
    expect(plan.stepsPerPhase).toBe(4);
    expect(plan.stepsPerEpoch).toBe(12);
    expect(plan.stepsPerEpoch).toBe(phaseStepsPerEpoch(options()));
    for (const epoch of [0, 1]) {
      const phases = range(3).map((phase) => plan.prompts(3 * epoch + phase));
      expect(sorted(phases.flat())).toEqual(range(10));
      for (const phase of phases) expect([3, 4]).toContain(phase.length);
    }
    expect(plan.prompts(0)).not.toEqual(plan.prompts(3));
  });

  it("gives every step to a phase, whose replies it trains on once an epoch in an order of its own", () => {
    const plan = createPhasePlan(options());
    for (const phase of range(6)) {
      const steps = range(4).map((step) => 4 * phase + step);
      expect(steps.map(plan.phaseOf)).toEqual([phase, phase, phase, phase]);
      const replies = plan.prompts(phase).length * 3;
      const epochs = [0, 2].map((first) => steps.slice(first, first + 2).flatMap((step) => plan.replies(step).flat()));
      for (const order of epochs) expect(sorted(order)).toEqual(range(replies));
      expect(epochs[0]).not.toEqual(epochs[1]);
    }
  });

  it("names the prompt of every reply", () => {
    const plan = createPhasePlan(options());
    for (const step of range(24)) {
      const asked = plan.prompts(plan.phaseOf(step));
      expect(plan.groups(step)).toEqual(plan.replies(step).map((group) => group.map((r) => asked[Math.floor(r / 3)])));
    }
  });

  it("is a function of the step alone, so that a resumed run goes on with the same minibatches", () => {
    const [whole, resumed] = [createPhasePlan(options()), createPhasePlan(options())];
    const all = range(24).map((step) => whole.replies(step));
    for (const step of range(24).reverse()) expect(resumed.replies(step)).toEqual(all[step]);
  });

  it("has the same replies in a step however it is divided", () => {
    const whole = createPhasePlan(options());
    const divided = createPhasePlan(options({ batchSize: 1, accumulation: 4 }));
    for (const step of range(12)) {
      expect(divided.prompts(divided.phaseOf(step))).toEqual(whole.prompts(whole.phaseOf(step)));
      expect(divided.replies(step).flat()).toEqual(whole.replies(step).flat());
      expect(divided.replies(step)).toHaveLength(4);
    }
  });

  it("takes all prompts into one phase where a phase could hold more", () => {
    const plan = createPhasePlan(options({ examples: 2, batchSize: 64, generations: 1, minibatches: 1, epochs: 1 }));
    expect(plan.stepsPerEpoch).toBe(1);
    expect(sorted(plan.prompts(5))).toEqual([0, 1]);
  });

  it("refuses more minibatches than a phase has replies", () => {
    expect(() => createPhasePlan(options({ minibatches: 10 }))).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "method.ppo.hyperparameters.minibatches",
        message: expect.stringContaining("is 10, but a phase of this run has only 9 replies"),
      }),
    );
  });
});
