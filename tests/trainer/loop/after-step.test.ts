import { expect, it } from "vitest";
import type { StepMoment } from "../../../shared/peft/method.ts";
import { f32 } from "../../../shared/tensor.ts";
import { applyAfterStep } from "../../../trainer/loop/after-step.ts";
import { ADAMW_DEFAULTS } from "../../../trainer/optim/adamw.ts";

it("shows the updated values and the clipped gradients, and takes over what changed", () => {
  let seen: StepMoment | undefined;
  const apply = (moment: StepMoment) => {
    seen = moment;
    return new Map([
      ["p", f32([2], [0, 4])],
      ["p.mean", f32([], [7])],
    ]);
  };
  const tensors = { p: f32([2], [3, 4]), "p#m": f32([2], [1, 1]), "p.mean": f32([], [5]) };
  const result = applyAfterStep(
    { memory: new Map([["p.mean", f32([], [0])]]), apply },
    { parameters: [{ name: "p", shape: [2], decay: true }], optimizer: { ...ADAMW_DEFAULTS, maxGradNorm: 1 } },
    {
      ...{ step: 3, totalSteps: 9, tensors, gradients: { "p#grad": f32([2], [0, 4]) }, gradNorm: 4 },
      before: { p: f32([2], [1, 1]), "p#m": f32([2], [0, 0]) },
      observed: [{ each: f32([2], [5, 6]) }],
    },
  );
  expect([seen?.step, seen?.totalSteps]).toEqual([3, 9]);
  expect(seen?.values).toEqual(
    new Map([
      ["p", f32([2], [3, 4])],
      ["p.mean", f32([], [5])],
    ]),
  );
  expect(seen?.before).toEqual(new Map([["p", f32([2], [1, 1])]]));
  expect(seen?.observed).toEqual([{ each: f32([2], [5, 6]) }]);
  expect(seen?.gradients.get("p")?.data[1]).toBeCloseTo(4 / (4 + 1e-6), 6);
  expect(result).toEqual({ p: f32([2], [0, 4]), "p#m": f32([2], [1, 1]), "p.mean": f32([], [7]) });
  expect(tensors.p.data).toEqual(Float32Array.of(3, 4));
});
