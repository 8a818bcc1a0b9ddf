import { expect, it } from "vitest";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";
import { createValidation, measuredSteps, resultMetrics } from "../../../trainer/recipes/validation.ts";

const state: TrainingState = { step: 7, trainedTokens: 0, tensors: {} };
const base = { loss: 3, metrics: { accuracy: 0.25 } };

it("measures a state, and refuses a loss that is not a number, naming the step", async () => {
  const tuned = { loss: 1, metrics: { accuracy: 0.75 } };
  const validation = createValidation(
    base,
    async (given) => (given.step === 7 ? tuned : { ...tuned, loss: Number.NaN }),
    "the held-out lines",
  );
  expect(validation.base).toBe(base);
  expect(await validation.measure(state)).toBe(tuned);
  await expect(validation.measure({ ...state, step: 8 })).rejects.toMatchObject({
    code: "non_finite",
    message: "step 8: the loss on the held-out lines is not finite; lower the learning rate",
    data: { step: 8 },
  });
  expect(resultMetrics(base, tuned)).toEqual({ base_loss: 3, tuned_loss: 1, valid_accuracy: 0.75 });
});

it("says nothing where there was no validation file, or nothing was measured", () => {
  expect([resultMetrics(undefined, undefined), resultMetrics(base, undefined)]).toEqual([{}, {}]);
});

it("is measured each tenth of a run, at the ends of epochs and after the last step", () => {
  const steps = (run: Parameters<typeof measuredSteps>[0]) =>
    Array.from({ length: run.totalSteps }, (_, i) => i + 1).filter(measuredSteps(run));
  const run = { totalSteps: 45, stepsPerEpoch: 22, training: 176, validation: 8 };
  expect(steps(run)).toEqual([5, 10, 15, 20, 22, 25, 30, 35, 40, 44, 45]);
  // 160 units are as many as 20 steps train.
  expect(steps({ ...run, validation: 160 })).toEqual([20, 22, 40, 44, 45]);
  expect(steps({ ...run, totalSteps: 3 })).toEqual([1, 2, 3]);
});
