import { describe, expect, it } from "vitest";
import { ChosenSettings } from "../../../../shared/peft/presets.ts";
import { f32 } from "../../../../shared/tensor.ts";
import type { TrainingState } from "../../../../trainer/loop/training-state.ts";
import { BEST, createBestStep, keepsBest } from "../../../../trainer/recipes/keeping/best-step.ts";
import { tinyDataset } from "../../tiny-model.ts";
import { keepingResumed, keepingRun } from "./keeping-run.ts";

const parameters = [
  { name: "w", shape: [2], decay: true },
  { name: "scale", shape: [], decay: false },
];
const state = (step: number): TrainingState => ({
  ...{ step, trainedTokens: 10 * step, loss: step / 2 },
  tensors: { w: f32([2], [step, -step]), scale: f32([], [step]), "w#m": f32([2], [9, 9]) },
});

function measured(losses: readonly number[], settings: Parameters<typeof createBestStep>[0]["settings"] = {}) {
  const best = createBestStep({ parameters, settings });
  losses.forEach((loss, index) => {
    best.add(state(index + 1), loss);
  });
  return best;
}

describe("createBestStep", () => {
  it("keeps the parameters of the lowest loss, the first of equal ones", () => {
    expect(measured([]).best()).toBeUndefined();
    const found = measured([3, 1, 2, 1]).best()!;
    expect(found.loss).toBe(1);
    expect(found.state).toEqual({
      ...{ step: 2, trainedTokens: 20, loss: 1 },
      tensors: { w: f32([2], [2, -2]), scale: f32([], [2]) },
    });
  });

  it("ends the run after as many measurements in a row without a lower loss", () => {
    const settings = { early_stopping_patience: 2 };
    expect(measured([3, 4, 2, 2], settings).stop()).toBeUndefined();
    expect(measured([3, 4, 2, 2, 5], settings).stop()).toBe(
      "the validation loss was measured 2 times in a row without being lower; the lowest is 2.0000, after step 3",
    );
    expect(measured([3, 3], { early_stopping_patience: 1 }).stop()).toContain("measured once without");
    expect(measured([3, 4, 5, 6]).stop()).toBeUndefined();
  });

  it("counts only differences beyond the least one, but publishes the lowest loss all the same", () => {
    const best = measured([3, 2.95, 2.94, 2.93], { early_stopping_patience: 3, early_stopping_min_delta: 0.1 });
    expect(best.stop()).toContain("without being lower by more than 0.1; the lowest is 2.9300, after step 4");
    expect(best.best()!.state.step).toBe(4);
    // Small steps that add up do count.
    expect(
      measured([3, 2.95, 2.89], { early_stopping_patience: 2, early_stopping_min_delta: 0.1 }).stop(),
    ).toBeUndefined();
  });

  it.each([0, 1, 3])("goes on from a checkpoint after %d measurements as if it had never ended", (count) => {
    const losses = [2, 3, 1, 4, 5];
    const settings = { early_stopping_patience: 2 };
    const saved = measured(losses.slice(0, count), settings).into(state(count));
    expect(Object.keys(saved.sections!)).toEqual([BEST]);
    const resumed = createBestStep({ parameters, settings });
    expect(resumed.from(saved)).toEqual(state(count));
    losses.slice(count).forEach((loss, index) => {
      resumed.add(state(count + index + 1), loss);
    });
    const whole = measured(losses, settings);
    expect(resumed.into(state(5))).toEqual(whole.into(state(5)));
    expect(resumed.stop()).toBe(whole.stop());
    expect(resumed.stop()).toBeDefined();
  });

  it("leaves other sections alone", () => {
    const others = { history: { tensors: {}, json: [1] } };
    const best = measured([1]);
    expect(best.from(best.into({ ...state(1), sections: others })).sections).toEqual(others);
  });
});

it("is for jobs that ask for it, or stop early", () => {
  expect(keepsBest({})).toBe(false);
  expect(keepsBest({ load_best_model_at_end: true })).toBe(true);
  expect(keepsBest({ early_stopping_patience: 1 })).toBe(true);
});

describe("a run that keeps its best step", { timeout: 120_000 }, () => {
  /** Learns eight chats by heart, which makes it worse on others after a while. */
  const run = (hyperparameters: object) => ({
    hyperparameters: { n_epochs: 30, batch_size: 2, learning_rate: 0.01, eval_steps: 4, ...hyperparameters },
    peft: { type: "full" } as const,
    validation: tinyDataset(8, 9),
    changes: { training: tinyDataset(8) },
  });
  const early = { early_stopping_patience: 3 };

  it("stops early, publishes the best step and says which it was", async () => {
    const { outcome, steps, messages } = await keepingRun(run(early));
    const measured = steps.filter((step) => "valid_loss" in step);
    expect(measured.map(({ step }) => step)).toEqual(measured.map((_, index) => 4 * (index + 1)));
    const lowest = measured.reduce((best, step) => (step.valid_loss! < best.valid_loss! ? step : best));
    const { best_step, stopped_after_step, tuned_loss } = outcome.metrics;
    expect(stopped_after_step).toBe(steps.at(-1)!.step);
    expect(stopped_after_step).toBeLessThan(120);
    expect(best_step).toBe(lowest.step);
    expect(stopped_after_step! - best_step!).toBe(12);
    expect(tuned_loss).toBe(lowest.valid_loss);
    expect(outcome.metrics.train_loss).toBe(steps[best_step! - 1]!.loss);
    expect(messages.filter((message) => message.startsWith("Stopped after step"))).toEqual([
      expect.stringContaining("was measured 3 times in a row without being lower"),
    ]);
  });

  it("resumes to the same bytes with the patience that was left", async () => {
    const whole = await keepingRun(run(early));
    const measured = whole.outcome.metrics.stopped_after_step! - 2;
    const resumed = await keepingResumed(run(early), measured);
    expect(resumed.files).toEqual(whole.files);
    expect(resumed.outcome.metrics.best_step).toBe(whole.outcome.metrics.best_step);
    expect(resumed.outcome.metrics.stopped_after_step).toBe(whole.outcome.metrics.stopped_after_step);
  });

  it("publishes the best step of a delta as its last checkpoint", async () => {
    const asked = run({ load_best_model_at_end: true, n_epochs: 2, eval_steps: 3 });
    const { outcome, published, steps } = await keepingRun({ ...asked, peft: ChosenSettings.parse({ type: "lora" }) });
    expect(steps).toHaveLength(8);
    expect(published.at(-1)!.step).toBe(outcome.metrics.best_step);
  });

  it("refuses a run without a validation file", async () => {
    await expect(keepingRun({ ...run(early), validation: undefined })).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.tested.hyperparameters.early_stopping_patience",
    });
  });
});
