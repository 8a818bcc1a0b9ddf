/** Every objective of reinforcement: its numbers, how it begins, what it learns, and that no layout of a step changes it. */
import { describe, expect, it, vi } from "vitest";
import { REINFORCEMENT_TYPES } from "../../shared/api/reinforcement-methods.ts";
import { settingsOf } from "../support/peft.ts";
import { runRecipe } from "../trainer/recipes/reinforcement/run-recipe.ts";

vi.setConfig({ testTimeout: 120_000 });

type Type = keyof typeof REINFORCEMENT_TYPES;
const TYPES = Object.keys(REINFORCEMENT_TYPES) as Type[];

const GRADER = {
  type: "string_check",
  name: "has_e",
  operation: "ilike",
  input: "{{sample.output_text}}",
  reference: "e",
};
const settings = (type: Type, hyperparameters: object = {}, others: object = {}) =>
  REINFORCEMENT_TYPES[type].settings.parse({
    reward: { type: "grader", grader: GRADER },
    hyperparameters: {
      ...{ batch_size: 4, num_generations: 8, max_completion_length: 4, learning_rate: 0.01, lr_schedule: "constant" },
      ...{ n_epochs: 1, beta: 0.01, ...hyperparameters },
    },
    peft: settingsOf({ type: "full" }),
    ...others,
  });
const WORDS = ["red", "green", "blue", "one", "two", "three", "up", "down"];
const prompts = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ prompt: `say ${WORDS[(i + from) % 8]}` })}\n`).join("");
const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

describe.each(TYPES)("a job of type %s", (type) => {
  it("learns a planted reward", async () => {
    const { steps, outcome } = await runRecipe({
      type,
      settings: settings(type, { n_epochs: 8, ppo_epochs: 2 }),
      training: prompts(8),
      validation: prompts(4, 3),
    });
    const rewards = steps.map(({ reward }) => reward!);
    expect(outcome.metrics.valid_reward).toBeGreaterThan(outcome.metrics.base_reward!);
    expect(meanOf(rewards.slice(-4))).toBeGreaterThan(meanOf(rewards.slice(0, 2)) + 0.4);
  });
});
