import { expect, it } from "vitest";
import { stepSeries } from "../../../trainer/report/step-series.ts";

it("has a number for each step and metric, null where there is none", () => {
  const found = stepSeries([
    { step: 1, loss: 2, tokens_per_second: 9, note: "a" },
    { step: 3, loss: Number.NaN, valid_loss: 1 },
  ])!;
  expect(found).toEqual({
    steps: [1, 3],
    series: { loss: [2, null], valid_loss: [null, 1] },
    frontier: null,
    hacking: null,
  });
});

it("finds the frontier, and what shows reward hacking", () => {
  const step = {
    ...{ step: 1, reward: 1, "objective/kl": 2, "completions/mean_length": 3, "completions/repetition": 0 },
  };
  const found = stepSeries([step])!;
  expect(found.frontier).toEqual({ divergence: "objective/kl", reward: "reward" });
  expect(found.hacking).toEqual({
    ...{ proxy: "reward", gold: null },
    ...{ length: "completions/mean_length", repetition: "completions/repetition" },
  });
  // The two rewards are compared on the same prompts.
  const held = stepSeries([{ ...step, valid_reward: 1, valid_gold_mean: 0 }])!;
  expect(held.hacking).toMatchObject({ proxy: "valid_reward", gold: "valid_gold_mean" });
  expect(stepSeries([{ step: 1, reward: 1 }])!.hacking).toBeNull();
});

it("is nothing without steps", () => {
  expect(stepSeries([])).toBeNull();
});
