import { expect, it } from "vitest";
import type { StepReport } from "../../../trainer/loop/optim-step.ts";
import { createStepReporter, validationMetrics } from "../../../trainer/recipes/step-report.ts";

const STEP: StepReport = {
  ...{ step: 2, totalSteps: 5, loss: 1.23456, gradNorm: 0.5, learningRate: 0.01, stepTokens: 7, trainedTokens: 14 },
};

it("reports a step in one event, its metrics among the data, and leaves pauses out of the speed", () => {
  const events: unknown[] = [];
  let now = 1_000;
  const reporter = createStepReporter(
    { event: (event) => void events.push(event), now: () => now },
    "the held-out lines",
  );
  expect(reporter.speed()).toBeUndefined();
  now += 500;
  reporter.pause(100);
  now += 60_000;
  reporter.report({ ...STEP, metrics: { "rewards/margin": 0.25 } }, { loss: 2, metrics: { "rewards/margin": 0.5 } });
  reporter.resume();
  now += 1_500;
  reporter.pause(100);
  reporter.report(STEP, undefined);
  const { step, loss } = STEP;
  const common = { step, total_steps: 5, loss, learning_rate: 0.01, grad_norm: 0.5, trained_tokens: 14 };
  expect(events).toEqual([
    {
      level: "info",
      type: "metrics",
      message: "Step 2/5: loss 1.2346, 2.0000 on the held-out lines",
      data: {
        ...common,
        tokens_per_second: 200,
        "rewards/margin": 0.25,
        valid_loss: 2,
        "valid_rewards/margin": 0.5,
      },
    },
    {
      level: "info",
      type: "metrics",
      message: "Step 2/5: loss 1.2346",
      data: { ...common, tokens_per_second: 100 / 1.5 },
    },
  ]);
  expect(reporter.speed()).toBe(100);
});

it("names what is measured on the validation file apart from what is trained", () => {
  expect(validationMetrics({ loss: 1, metrics: { accuracy: 0.5 } })).toEqual({ valid_accuracy: 0.5 });
});
