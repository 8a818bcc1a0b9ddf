/** Reinforcement moves what the embedded base writes, on prompts that it was not trained on, and stays near the base. */
import { describe, expect, it } from "vitest";
import { embeddedBase } from "../fixtures/classifiers/train.ts";
import { arithmetic, politeness, reinforce } from "./support/reinforced-base.ts";

const base = embeddedBase();

describe("requests to word something, half of them behind a rude system prompt", () => {
  // The rates that `auto` stands for, in phases of 64 replies.
  it.each([
    { type: "ppo", hyperparameters: { ppo_epochs: 2, max_steps: 14 } },
    { type: "rloo", hyperparameters: { max_steps: 7 } },
    { type: "grpo", hyperparameters: { max_steps: 7, beta: 0.04 } },
  ] as const)("are worded politely after $type", async ({ type, hyperparameters }) => {
    const { outcome } = await reinforce(base, type, {
      prompts: politeness(),
      hyperparameters: { max_completion_length: 32, eval_samples: 2, eval_interval: 100, ...hyperparameters },
      seed: 3,
    });
    const { metrics } = outcome;
    expect(metrics.base_reward_mean).toBeLessThan(0.4);
    expect(metrics.valid_reward_mean).toBeGreaterThan(0.85);
    expect(metrics["valid_objective/kl"]).toBeLessThan(15);
  });
});

describe("arithmetic", () => {
  it("is answered better after GRPO against the exact answer", async () => {
    const { outcome } = await reinforce(base, "grpo", {
      prompts: arithmetic(256, 77),
      hyperparameters: {
        max_completion_length: 6,
        eval_samples: 4,
        eval_interval: 1000,
        batch_size: 16,
        max_steps: 60,
      },
      seed: 3,
    });
    const { metrics } = outcome;
    expect(metrics.valid_reward_mean! - metrics.base_reward_mean!).toBeGreaterThan(0.05);
  });
});
