import { expect, test } from "vitest";
import { progressOf, resultOf } from "../../../infra/start/demo-job.ts";
import type { Job } from "../../../shared/api/jobs.ts";

const JOB: Job = {
  id: "ftjob-1",
  object: "fine_tuning.job",
  model: "base",
  created_at: 0,
  finished_at: 1,
  fine_tuned_model: "ft:base:demo::1",
  organization_id: "demo",
  result_files: [],
  status: "succeeded",
  training_file: "file-1",
  validation_file: "file-2",
  hyperparameters: {},
  method: {
    type: "supervised",
    supervised: {
      hyperparameters: { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" },
      peft: { type: "lora", r: 8, lora_alpha: 16, lora_dropout: 0, target_modules: "all-linear" },
    },
  },
  executor: null,
  trained_tokens: 500,
  seed: 1,
  suffix: null,
  estimated_finish: null,
  integrations: [],
  metadata: null,
  error: null,
};

const METRICS = [
  { step: 0, total_steps: 3, valid_loss: 4 },
  { step: 1, total_steps: 3, train_loss: 3, tokens_per_second: 10 },
  { step: 2, total_steps: 3, train_loss: 2, tokens_per_second: 1000 },
  { step: 3, total_steps: 3, train_loss: 1, tokens_per_second: 1100 },
  { step: 3, total_steps: 3, valid_loss: 1.5 },
];

test("progress is the last step's, at the run's usual speed", () => {
  expect(progressOf(METRICS.slice(0, 1), null, 0)).toBeUndefined();
  expect(progressOf(METRICS, 130, 100)).toEqual({
    step: 3,
    totalSteps: 3,
    loss: 1,
    tokensPerSecond: 1000,
    secondsLeft: 30,
  });
});

test("the result has the held-out loss before and after", () => {
  expect(resultOf(JOB, METRICS)).toEqual({
    model: "ft:base:demo::1",
    trainedTokens: 500,
    tokensPerSecond: 1000,
    baseLoss: 4,
    tunedLoss: 1.5,
  });
  expect(() => resultOf(JOB, METRICS.slice(1, 4))).toThrow("The job ftjob-1 reported no loss on its validation file.");
});

test("a job that did not succeed throws its own error", () => {
  const error = { code: "invalid_dataset", message: "Line 3 is broken.", param: "training_file" };
  expect(() => resultOf({ ...JOB, status: "failed", fine_tuned_model: null, error }, METRICS)).toThrow(
    "Line 3 is broken.",
  );
  expect(() => resultOf({ ...JOB, status: "cancelled", fine_tuned_model: null }, METRICS)).toThrow(
    "The job ftjob-1 was cancelled.",
  );
});
