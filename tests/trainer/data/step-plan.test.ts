import { describe, expect, it } from "vitest";
import { createStepPlan, stepsPerEpoch } from "../../../trainer/data/step-plan.ts";

const options = { examples: 23, batchSize: 3, accumulation: 2, seed: 1 };
const plan = createStepPlan(options);
const epoch = (number: number, of = plan) =>
  Array.from({ length: of.stepsPerEpoch }, (_, step) => of.groups(number * of.stepsPerEpoch + step).flat()).flat();
const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);

describe("createStepPlan", () => {
  it("shows every example once an epoch, in another order each time", () => {
    const all = Array.from({ length: 23 }, (_, index) => index);
    for (const number of [0, 1, 5]) expect(sorted(epoch(number))).toEqual(all);
    expect(epoch(0)).not.toEqual(epoch(1));
    expect(epoch(0)).not.toEqual(epoch(0, createStepPlan({ ...options, seed: 2 })));
  });

  it("fills no group and no step beyond its size, and leaves no small remainder", () => {
    expect(plan.stepsPerEpoch).toBe(4);
    for (let step = 0; step < 12; step++) {
      const groups = plan.groups(step);
      expect(groups).toHaveLength(2);
      expect(groups.every(({ length }) => length === 3 || length === 2)).toBe(true);
      expect(groups.flat().length).toBeGreaterThanOrEqual(5);
    }
  });

  it("gives a step's groups whenever they are asked for", () => {
    const again = createStepPlan(options);
    for (const step of [11, 0, 7, 11, 3]) expect(again.groups(step)).toEqual(plan.groups(step));
  });

  it("puts the same examples in a step however it is divided into groups", () => {
    const whole = createStepPlan({ ...options, batchSize: 6, accumulation: 1 });
    const single = createStepPlan({ ...options, batchSize: 1, accumulation: 6 });
    for (const step of [0, 3, 9]) {
      expect(whole.groups(step)).toHaveLength(1);
      expect(single.groups(step).flat()).toEqual(whole.groups(step).flat());
      expect(plan.groups(step).flat()).toEqual(whole.groups(step).flat());
    }
  });
});

it("stepsPerEpoch counts a part of a step as one", () => {
  expect(stepsPerEpoch({ examples: 24, batchSize: 3, accumulation: 2 })).toBe(4);
  expect(stepsPerEpoch({ examples: 25, batchSize: 3, accumulation: 2 })).toBe(5);
  expect(stepsPerEpoch({ examples: 1, batchSize: 256, accumulation: 1 })).toBe(1);
});
