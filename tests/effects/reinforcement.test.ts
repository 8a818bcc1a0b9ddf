/** Reinforcement moves what the embedded base writes, on prompts that it was not trained on, and stays near the base. */
import { describe, expect, it } from "vitest";
import { embeddedBase } from "../fixtures/classifiers/train.ts";
import { politeness, reinforce } from "./support/reinforced-base.ts";

describe("requests to word something, half of them behind a rude system prompt", () => {
  // At the rates that `auto` stands for.
  it.each([
    { type: "ppo", hyperparameters: { ppo_epochs: 2, max_steps: 14 } },
    { type: "rloo", hyperparameters: { max_steps: 7 } },
    { type: "grpo", hyperparameters: { max_steps: 7, beta: 0.04 } },
  ] as const)("are worded politely after $type", async ({ type, hyperparameters }) => {
    const { outcome } = await reinforce(embeddedBase(), type, {
      prompts: politeness(),
      hyperparameters: { max_completion_length: 24, eval_interval: 100, ...hyperparameters },
      seed: 3,
    });
    const { metrics } = outcome;
    expect(metrics.base_reward_mean).toBeLessThan(0.4);
    expect(metrics.valid_reward_mean).toBeGreaterThan(0.85);
    expect(metrics["valid_objective/kl"]).toBeLessThan(15);
  });
});
