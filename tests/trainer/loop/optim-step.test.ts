import { expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import type { Accumulated } from "../../../trainer/loop/forward-backward.ts";
import { type OptimStepOptions, optimStep } from "../../../trainer/loop/optim-step.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";

const parameters = [{ name: "w", shape: [1], decay: true }];
const state: TrainingState = {
  step: 4,
  trainedTokens: 100,
  tensors: { w: f32([1], [1]), "w#m": f32([1], [0]), "w#v": f32([1], [0]), age: f32([], [4]) },
  sections: { controller: { tensors: {}, json: { beta: 0.1 } } },
};
const accumulated: Accumulated = {
  ...{ loss: 2, metrics: {}, trainedTokens: 7, gradients: { "w#grad": f32([1], [3]) }, observed: [] },
};

/** An update that moves the weight to `to` and says that the gradient's norm is `norm`. */
const options = (to = 0.5, norm = 3): OptimStepOptions => ({
  parameters,
  optimizer: { ...ADAMW_DEFAULTS, maxGradNorm: 1 },
  schedule: { kind: "constant", peak: 0.25, warmupSteps: 0, totalSteps: 9 },
  update: {
    adopt: (tensors) => tensors,
    run: async ({ scalars }) => {
      expect(scalars.lr!.data[0]).toBe(0.25);
      expect(scalars.correction1!.data[0]).toBeCloseTo(1 - 0.9 ** 5, 6);
      return { w: f32([1], [to]), "w#m": f32([1], [8]), "w#v": f32([1], [9]), grad_norm: f32([], [norm]) };
    },
  },
});

it("gives the next state and says what the step did", async () => {
  const { state: next, report } = await optimStep(options(), state, accumulated);
  expect(report).toEqual({
    ...{ step: 5, totalSteps: 9, loss: 2, gradNorm: 3, learningRate: 0.25, stepTokens: 7, trainedTokens: 107 },
  });
  expect(next).toEqual({
    ...{ step: 5, trainedTokens: 107, loss: 2, sections: state.sections },
    tensors: { w: f32([1], [0.5]), "w#m": f32([1], [8]), "w#v": f32([1], [9]) },
  });
  const measured = await optimStep(options(), state, { ...accumulated, metrics: { accuracy: 0.5 } });
  expect(measured.report.metrics).toEqual({ accuracy: 0.5 });
});

it("keeps the method's memory and lets it change what the optimizer made, given clipped gradients", async () => {
  const afterStep: OptimStepOptions["afterStep"] = {
    memory: new Map([["age", f32([], [0])]]),
    apply: ({ step, values, gradients }) => {
      expect([step, values.get("w")!.data[0], values.get("age")!.data[0]]).toEqual([5, 0.5, 4]);
      expect(gradients.get("w")!.data[0]).toBeCloseTo(1, 5);
      return new Map([["age", f32([], [5])]]);
    },
  };
  const { state: next } = await optimStep({ ...options(), afterStep }, state, accumulated);
  expect([next.tensors.age!.data[0], next.tensors.w!.data[0]]).toEqual([5, 0.5]);
});

it.each([
  ["loss", Number.NaN, 3],
  ["gradient", 2, Number.POSITIVE_INFINITY],
])("refuses a %s that is not finite, naming the step", async (what, loss, norm) => {
  await expect(optimStep(options(0, norm), state, { ...accumulated, loss })).rejects.toMatchObject({
    code: "non_finite",
    message: `step 5: the ${what} is not finite; lower the learning rate`,
  });
});
