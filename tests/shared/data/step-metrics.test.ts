import { expect, it } from "vitest";
import { stepMetricsCsv, stepMetricsEvents } from "../../../shared/data/step-metrics.ts";
import { tfevents } from "../../../shared/formats/tfevents.ts";

const STEPS = [
  { at: 10, data: { step: 1, total_steps: 2, loss: 1.5, learning_rate: 0.001, trained_tokens: 20 } },
  { at: 11, data: { step: 2, total_steps: 2, loss: 0.25, learning_rate: 0, trained_tokens: 40, valid_loss: 0.5 } },
];

it("the table has OpenAI's columns, empty where nothing was measured", () => {
  expect(stepMetricsCsv(STEPS)).toBe(
    "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,1.5,,,\n2,0.25,,0.5,\n",
  );
});

it("TensorBoard gets every measured number, those of the validation file in a group of their own", () => {
  expect(stepMetricsEvents(STEPS)).toEqual(
    tfevents([
      { step: 1, at: 10, scalars: { "train/loss": 1.5, "train/learning_rate": 0.001, "train/trained_tokens": 20 } },
      {
        step: 2,
        at: 11,
        scalars: { "train/loss": 0.25, "train/learning_rate": 0, "train/trained_tokens": 40, "valid/loss": 0.5 },
      },
    ]),
  );
});
