import { describe, expect, it } from "vitest";
import { SupervisedHyperparameters } from "../../../shared/api/methods.ts";
import { type RunFacts, resolveHyperparameters } from "../../../trainer/recipes/hyperparameters.ts";

const facts: RunFacts = { examples: 360, tokens: 18_000, hiddenSize: 256, rate: 1 };
const resolve = (settings: object = {}, change: Partial<RunFacts> = {}) =>
  resolveHyperparameters(SupervisedHyperparameters.parse(settings), { ...facts, ...change });

describe("auto", () => {
  it("takes steps of about a thousand tokens, and about 120 of them", () => {
    const { batchSize, epochs, schedule } = resolve();
    expect([batchSize, epochs]).toEqual([20, 7]);
    expect(schedule).toMatchObject({ kind: "cosine", totalSteps: 126, warmupSteps: 13 });
  });

  it.each([
    ["ten examples: one a step, ten epochs", 10, 500, 1, 10],
    ["a hundred: ten steps an epoch", 100, 5_000, 10, 10],
    ["five thousand: three epochs", 5_000, 250_000, 20, 3],
    ["twenty thousand: one", 20_000, 1_000_000, 20, 1],
    ["examples longer than a step: one each", 1_000, 2_000_000, 1, 3],
    ["tiny examples: no more than the API allows", 100_000, 200_000, 256, 1],
  ])("%s", (_name, examples, tokens, batchSize, epochs) => {
    expect(resolve({}, { examples, tokens })).toMatchObject({ batchSize, epochs });
  });

  it("divides the step's examples among the micro-batches that are asked for", () => {
    expect(resolve({ gradient_accumulation_steps: 4 })).toMatchObject({ batchSize: 5, accumulation: 4 });
  });

  it("takes phases of 64 replies, about 60 of them, at a rate that stays", () => {
    const phases = { generations: 8, epochs: 2, minibatches: 2 };
    const { batchSize, epochs, schedule } = resolve({}, { phases });
    // 45 phases an epoch, of 4 steps each.
    expect([batchSize, epochs]).toEqual([8, 2]);
    expect(schedule).toMatchObject({ kind: "constant", totalSteps: 2 * 45 * 4 });
    expect(resolve({}, { phases, examples: 3 })).toMatchObject({ batchSize: 3, epochs: 50 });
    expect(resolve({ gradient_accumulation_steps: 4 }, { phases })).toMatchObject({ batchSize: 2, accumulation: 4 });
    expect(resolve({ lr_schedule: "cosine" }, { phases }).schedule.kind).toBe("cosine");
  });

  it("takes a lower rate for wider models, and what a method says of it", () => {
    const rate = (change: Partial<RunFacts>) => resolve({}, change).schedule.peak;
    expect(rate({})).toBeCloseTo(2.49e-3, 5);
    expect(rate({ hiddenSize: 2000 })).toBeCloseTo(5e-4, 9);
    expect(rate({ hiddenSize: 4096 })).toBeCloseTo(2.86e-4, 6);
    expect(rate({ rate: 0.1 })).toBeCloseTo(rate({}) / 10, 9);
  });
});

describe("what is set", () => {
  it("is taken as it is", () => {
    const settings = {
      n_epochs: 2,
      batch_size: 8,
      learning_rate: 0.01,
      warmup_ratio: 0.5,
      lr_schedule: "linear",
      weight_decay: 0.1,
      max_grad_norm: 3,
    };
    const { optimizer, schedule, resolved } = resolve(settings);
    expect(schedule).toEqual({ kind: "linear", peak: 0.01, warmupSteps: 45, totalSteps: 90 });
    expect(optimizer).toMatchObject({ weightDecay: 0.1, maxGradNorm: 3, beta1: 0.9, beta2: 0.999 });
    expect(resolved).toMatchObject({ n_epochs: 2, batch_size: 8, learning_rate: 0.01, lr_schedule: "linear" });
  });

  it("max_steps overrides the epochs, and the epochs begun are reported", () => {
    expect(resolve({ max_steps: 20, n_epochs: 50 })).toMatchObject({ epochs: 2, schedule: { totalSteps: 20 } });
  });

  it("the multiplier is of the auto rate", () => {
    const auto = resolve().schedule.peak;
    expect(resolve({ learning_rate_multiplier: 0.5 }).schedule.peak).toBeCloseTo(auto / 2, 12);
    expect(resolve({ learning_rate: auto * 3 }).resolved.learning_rate_multiplier).toBeCloseTo(3, 12);
  });
});
