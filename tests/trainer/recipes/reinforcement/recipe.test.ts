import { describe, expect, it, vi } from "vitest";
import { JOB_TYPES } from "../../../../shared/api/methods.ts";
import type { Question } from "../../../../shared/graders/kind.ts";
import { settingsOf } from "../../../support/peft.ts";
import { killed, type RecipeRun, runRecipe } from "./run-recipe.ts";

vi.setConfig({ testTimeout: 120_000 });

const check = (reference: string, others: object = {}) => ({
  ...{ type: "string_check", name: "check", operation: "ilike", input: "{{sample.output_text}}", reference, ...others },
});
const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const WORDS = ["red", "green", "blue", "one"];
const training = jsonl(WORDS.map((word) => ({ prompt: `say ${word}`, answer: "e" })));
const user = { role: "user", content: "say" };

type Type = "ppo" | "grpo" | "reinforcement";
const HYPERPARAMETERS = {
  ...{ batch_size: 4, num_generations: 4, max_completion_length: 4, n_epochs: 1, learning_rate: 0.01 },
};
function run(
  type: Type,
  settings: Readonly<Record<string, unknown>> & { readonly hyperparameters?: object },
  others: Partial<RecipeRun> = {},
) {
  const { hyperparameters, ...rest } = settings;
  const parsed = JOB_TYPES[type].settings.parse({
    ...(type === "reinforcement"
      ? { grader: check("{{item.answer}}") }
      : { reward: { type: "grader", grader: check("{{item.answer}}") } }),
    hyperparameters: { ...HYPERPARAMETERS, ...hyperparameters },
    peft: settingsOf({ type: "full" }),
    // The report has tests of its own.
    report: { enabled: false },
    ...rest,
  });
  return runRecipe({ type, training, settings: parsed, ...others });
}

describe("a run of reinforcement", () => {
  it("reads chats as OpenAI has them, and text prompts, and says what every auto became", async () => {
    const chats = jsonl([
      { messages: [{ role: "developer", content: "Be brief." }, user], answer: "e" },
      { messages: [user], answer: "a" },
    ]);
    const { outcome, messages, steps } = await run(
      "reinforcement",
      {
        hyperparameters: {
          batch_size: "auto",
          num_generations: "auto",
          max_completion_length: "auto",
          compute_multiplier: 0.5,
          max_steps: 1,
        },
      },
      { training: chats },
    );
    expect(outcome.hyperparameters).toMatchObject({
      ...{ batch_size: 2, num_generations: 4, max_completion_length: 16, compute_multiplier: 0.5 },
      ...{ eval_interval: 1, eval_samples: 1, learning_rate_multiplier: expect.any(Number), n_epochs: 1 },
    });
    expect(steps).toHaveLength(1);
    expect(messages[0]).toMatch(/^train\.jsonl: 2 kept .*; \d+ tokens of prompts$/);
  });

  it("is GRPO under OpenAI's names", async () => {
    const hyperparameters = { n_epochs: 2, ppo_epochs: 2 };
    const [own, openAi] = [await run("grpo", { hyperparameters }), await run("reinforcement", { hyperparameters })];
    expect(openAi.files).toEqual(own.files);
  });

  it.each([
    [
      "a line that ends with an answer",
      jsonl([{ messages: [user, { role: "assistant", content: "hi" }], answer: "e" }]),
      /^line 1 of train\.jsonl: messages: must end with the user's turn, not with assistant/,
    ],
    ["a line without a prompt", `${training}{"question": "a"}\n`, /^line 5 of train\.jsonl has no prompt/],
    [
      "a line that lacks what the grader's template names",
      `${training}{"prompt": "say two"}\n`,
      /^line 5 of train\.jsonl: `method\.grpo\.reward\.grader\.reference` names \{\{item\.answer\}\}/,
    ],
    ["no line", "", /./],
  ])("refuses %s", async (_, broken, message) => {
    await expect(run("grpo", {}, { training: broken })).rejects.toThrow(message);
  });

  it("names the grader where OpenAI has it", async () => {
    await expect(run("reinforcement", {}, { training: '{"prompt": "a"}\n' })).rejects.toThrow(
      "line 1 of train.jsonl: `method.reinforcement.grader.reference` names {{item.answer}}",
    );
    await expect(
      run("reinforcement", { grader: check("zzz"), hyperparameters: { n_epochs: 8 } }),
    ).rejects.toMatchObject({
      param: "method.reinforcement.grader",
    });
  });

  it("drops prompts that leave no room for a reply, and refuses a reply as long as the context", async () => {
    const long = jsonl([
      { prompt: "say one two three four five six seven", answer: "e" },
      { prompt: "say", answer: "e" },
    ]);
    const { messages } = await run("grpo", { hyperparameters: { max_length: 12, max_steps: 1 } }, { training: long });
    expect(messages[0]).toContain("1 kept (0 of them truncated to 8 tokens), 1 dropped");
    await expect(run("grpo", { hyperparameters: { max_completion_length: 128 } })).rejects.toMatchObject({
      code: "invalid_request",
      param: "method.grpo.hyperparameters.max_completion_length",
    });
  });

  it("works with one prompt, and with phases larger than the data", async () => {
    const { steps } = await run(
      "ppo",
      { hyperparameters: { batch_size: 64, num_generations: 1, n_epochs: 3, ppo_epochs: 1 } },
      { training: jsonl([{ prompt: "say", answer: "e" }]) },
    );
    expect(steps.map(({ phase }) => phase)).toEqual([1, 2, 3]);
    await expect(run("ppo", { hyperparameters: { minibatches: 17 } })).rejects.toMatchObject({
      param: "method.ppo.hyperparameters.minibatches",
    });
  });

  it("stops for rewards that never differ, and ends well once all is learned", async () => {
    const never = { reward: { type: "grader", grader: check("no such text") }, hyperparameters: { n_epochs: 8 } };
    await expect(run("ppo", never)).rejects.toMatchObject({ code: "invalid_request", param: "method.ppo.reward" });
    // A run too short for that would publish what chance has made of its value head.
    await expect(run("ppo", { ...never, hyperparameters: { n_epochs: 2 } })).rejects.toThrow(
      "every reply has had the reward 0 for 2 phases, from the first on",
    );
    const { outcome, messages } = await run("grpo", {
      hyperparameters: { n_epochs: 50, num_generations: 8, learning_rate: 0.02 },
    });
    expect(messages.find((message) => message.startsWith("Stopped"))).toMatch(
      /^Stopped after step \d+ of 50: every reply has had the reward 1 for 5 phases/,
    );
    expect(outcome.metrics.stopped_after_step).toBeLessThan(50);
  });

  it("stops once the model is too far from the reference, before and after a kill alike", async () => {
    const options = { stop: { kl: 0.2 }, hyperparameters: { n_epochs: 30, ppo_epochs: 2, lr_schedule: "constant" } };
    const { outcome, messages, steps, files } = await run("grpo", options);
    expect(messages.find((message) => message.startsWith("Stopped"))).toMatch(
      /^Stopped after step \d+ of 60: the model is \d\.\d\d nats a reply from the reference, beyond the limit of 0\.2$/,
    );
    const { stopped_after_step: last } = outcome.metrics;
    expect(last).toBe(steps.length);
    for (const step of steps) expect(step["objective/kl"]).toBeLessThanOrEqual(0.2);
    const settings = JOB_TYPES.grpo.settings.parse({
      reward: { type: "grader", grader: check("{{item.answer}}") },
      peft: settingsOf({ type: "full" }),
      report: { enabled: false },
      ...{ ...options, hyperparameters: { ...HYPERPARAMETERS, ...options.hyperparameters } },
    });
    const given = { type: "grpo", training, settings } as const;
    const resumed = await runRecipe({ ...given, checkpoint: await killed(given, last!) });
    expect(resumed.files).toEqual(files);
    expect(resumed.steps).toEqual([]);
  });

  it("adapts the coefficient to the divergence that it is to hold", async () => {
    const { steps } = await run("ppo", {
      hyperparameters: { n_epochs: 6, ppo_epochs: 1, beta: 0.1, kl_target: 5, kl_horizon: 16 },
    });
    // Far below the target, and the horizon is one phase's replies: a fifth less each phase.
    for (const [i, step] of steps.entries()) expect(step["objective/kl_coef"]).toBeCloseTo(0.1 * 0.8 ** i, 6);
  });

  it("measures the proxy and the gold reward on the validation file, every eval_interval steps", async () => {
    const gold = { type: "grader", grader: check("a", { name: "gold" }) };
    const { steps, outcome } = await run(
      "grpo",
      { gold, hyperparameters: { n_epochs: 6, eval_interval: 4, eval_samples: 3 } },
      { validation: training },
    );
    expect(steps.filter((step) => "valid_reward_mean" in step).map(({ step }) => step)).toEqual([4, 6]);
    expect(outcome.metrics.base_gold_mean).toBeTypeOf("number");
    expect(outcome.metrics.valid_gold_mean).toBeTypeOf("number");
    expect(outcome.metrics).not.toHaveProperty("base_loss");
    await expect(run("grpo", { gold })).rejects.toMatchObject({ param: "method.grpo.gold" });
  });

  it("takes the penalty off replies that do not end", async () => {
    const { steps } = await run("ppo", { hyperparameters: { missing_eos_penalty: 2, ppo_epochs: 1 } });
    const [{ reward, "objective/scores": scores, "completions/clipped_ratio": cut }] = steps as [
      Record<string, number>,
    ];
    expect(scores).toBeCloseTo(reward! - 2 * cut!, 6);
    expect(cut).toBeGreaterThan(0.5);
  });

  it("adds rewards by their weights, and reports each", async () => {
    const reward = [
      { type: "grader", grader: check("e", { name: "has_e" }), weight: 1 },
      { type: "grader", grader: check("a", { name: "has_a" }), weight: -0.5 },
    ];
    const { steps } = await run("ppo", { reward, hyperparameters: { max_steps: 1 } });
    const [step] = steps;
    expect(step!.reward).toBeCloseTo(step!["rewards/has_e/mean"]! - 0.5 * step!["rewards/has_a/mean"]!, 12);
  });

  it("asks judges over the API, counts their flaws, and stops where all are flawed", async () => {
    const grader = {
      ...{ type: "score_model", name: "judge", model: "m" },
      input: [{ role: "user", content: "{{sample.output_text}}" }],
    };
    const usage = { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0, total_tokens: 2 };
    const reward = { type: "grader", grader };
    let asked = 0;
    const ask = async ({ messages: [{ content }] }: Question & { messages: readonly [{ content: string }] }) => {
      asked += 1;
      return content.includes("e")
        ? { text: "1", usage }
        : content.length % 3 === 0
          ? { text: "I", usage }
          : { text: "0", usage };
    };
    const { steps } = await run(
      "grpo",
      { reward, hyperparameters: { max_steps: 1 } },
      { context: { ask: ask as never } },
    );
    expect(asked).toBe(16);
    expect(steps[0]!.flawed).toBeGreaterThan(0);
    expect(steps[0]!.flawed).toBeLessThan(1);
    await expect(run("grpo", { reward })).rejects.toMatchObject({
      code: "scorer_failed",
      message: expect.stringContaining("model_grader_server_error: no server"),
    });
  });
});
