import { expect, it } from "vitest";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";
import { createValidation, resultMetrics } from "../../../trainer/recipes/validation.ts";

const state: TrainingState = { step: 7, trainedTokens: 0, tensors: {} };
const base = { loss: 3, metrics: { accuracy: 0.25 } };

it("measures a state, and refuses a loss that is not a number, naming the step", async () => {
  const tuned = { loss: 1, metrics: { accuracy: 0.75 } };
  const validation = createValidation(base, async (given) =>
    given.step === 7 ? tuned : { ...tuned, loss: Number.NaN },
  );
  expect(validation.base).toBe(base);
  expect(await validation.measure(state)).toBe(tuned);
  await expect(validation.measure({ ...state, step: 8 })).rejects.toMatchObject({
    code: "non_finite",
    message: "step 8: the loss on the validation file is not finite; lower the learning rate",
    data: { step: 8 },
  });
  expect(resultMetrics(base, tuned)).toEqual({ base_loss: 3, tuned_loss: 1, valid_accuracy: 0.75 });
});

it("says nothing where there was no validation file, or nothing was measured", () => {
  expect([resultMetrics(undefined, undefined), resultMetrics(base, undefined)]).toEqual([{}, {}]);
});
