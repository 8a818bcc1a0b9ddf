import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  classifierModes,
  DeprecatedHyperparameters,
  defaultMethod,
  hyperparametersSchema,
  JOB_TYPES,
  Method,
  type MethodOf,
  scorerNumbers,
  settingsOf,
  settingsPath,
} from "../../../shared/api/methods.ts";

const HYPERPARAMETERS = { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" };

const GRADER = { type: "string_check", name: "same", operation: "eq", input: "{{sample.output_text}}", reference: "a" };
const REWARD = { reward: { type: "grader", grader: GRADER } };
/** What types cannot do without. */
const REQUIRED: Readonly<Record<string, object>> = {
  ...{ ppo: REWARD, rloo: REWARD, grpo: REWARD, reinforce_pp: REWARD },
  reinforcement: { grader: GRADER },
};

describe("Method", () => {
  it("fills in what is left out", () => {
    expect(Method.parse({ type: "supervised" })).toEqual({
      type: "supervised",
      supervised: {
        hyperparameters: HYPERPARAMETERS,
        peft: { type: "lora", r: 8, lora_alpha: 16, lora_dropout: 0, use_rslora: false, target_modules: "all-linear" },
      },
    });
    const partial = {
      type: "supervised",
      supervised: { hyperparameters: { n_epochs: 3 }, peft: { type: "lora", r: 4 } },
    };
    expect(settingsOf(Method.parse(partial))).toMatchObject({
      hyperparameters: { ...HYPERPARAMETERS, n_epochs: 3 },
      peft: { r: 4, lora_alpha: 16 },
    });
  });

  it("takes every type of the table, with settings that it fills in, and no other", () => {
    for (const [type, { settings }] of Object.entries(JOB_TYPES)) {
      const required = REQUIRED[type];
      const given = required === undefined ? { type } : { type, [type]: required };
      expect(Method.parse(given)).toEqual({ type, [type]: settings.parse(required ?? {}) });
      if (required !== undefined) expect(Method.safeParse({ type }).success).toBe(false);
    }
    expect(Method.safeParse({ type: "constructor" }).success).toBe(false);
  });

  it.each([
    { type: "supervised", supervised: {}, dpo: {} },
    { type: "supervised", supervised: { hyperparameters: { beta: 1 } } },
    { type: "supervised", supervised: { hyperparameters: { n_epochs: 1.5 } } },
    { type: "supervised", supervised: { hyperparameters: { optim_memory_limit: 1e6 } } },
    { type: "supervised", supervised: { hyperparameters: { learning_rate_multiplier: 0 } } },
    { type: "supervised", supervised: { peft: { type: "lora", lora_dropout: 1 } } },
    { type: "supervised", supervised: { peft: { type: "lora", target_modules: [] } } },
    { type: "supervised", supervised: { peft: { type: "full", r: 8 } } },
  ])("refuses %j", (method) => {
    expect(Method.safeParse(method).success).toBe(false);
  });
});

describe("the table of job types", () => {
  it("names hyperparameters of OpenAI's that the type has", () => {
    for (const [type, { openAiHyperparameters }] of Object.entries(JOB_TYPES)) {
      for (const name of openAiHyperparameters) {
        const { error } = Method.safeParse({ type, [type]: { ...REQUIRED[type], hyperparameters: { [name]: null } } });
        expect(error?.issues.map(({ path }) => path.join("."))).toEqual([`${type}.hyperparameters.${name}`]);
      }
    }
  });

  it("gives a method's settings and their place without naming its type", () => {
    const method = Method.parse({ type: "supervised", supervised: { hyperparameters: { n_epochs: 3 } } });
    expect(settingsOf(method)).toBe((method as MethodOf<"supervised">).supervised);
    expect(settingsPath(method)).toBe("method.supervised");
    expect(settingsPath({ type: "reward_model" })).toBe("method.reward_model");
  });

  it("makes the method of a request that names none, from OpenAI's deprecated field too", () => {
    expect(defaultMethod()).toEqual(Method.parse({ type: "supervised" }));
    const old = DeprecatedHyperparameters.parse({ batch_size: 4 });
    expect(settingsOf(defaultMethod(old)).hyperparameters).toEqual({ ...HYPERPARAMETERS, batch_size: 4 });
    expect(DeprecatedHyperparameters.safeParse({ max_steps: 4 }).success).toBe(false);
  });
});

describe("a classifier's settings", () => {
  const classifier = (settings: object = {}) =>
    Method.parse({ type: "classifier", classifier: settings }) as MethodOf<"classifier">;
  const model = { hiddenSize: 10, vocabSize: 100 };

  it("train every way that the methods allow, in one order", () => {
    expect(classifierModes(classifier().classifier)).toEqual(["lookahead", "class_rows", "token_values"]);
    expect(classifierModes(classifier({ peft: [] }).classifier)).toEqual(["lookahead", "token_values"]);
    const chosen = classifier({ modes: ["token_values", "lookahead"] }).classifier;
    expect(classifierModes(chosen)).toEqual(["lookahead", "token_values"]);
  });

  it("bound the numbers of the scorer, which other types do not have", () => {
    expect(scorerNumbers(classifier({ modes: ["lookahead"] }), model)).toBe(11 * 32);
    expect(scorerNumbers(classifier({ value_rank: 2 }), model)).toBe(11 * 32 + 2 * (320 + 100));
    expect(scorerNumbers(defaultMethod(), model)).toBeUndefined();
  });
});

describe("hyperparametersSchema", () => {
  const schema = hyperparametersSchema("TestHyperparameters", { beta: z.number().positive().default(0.1) });

  it("adds a type's own to those of every training", () => {
    expect(schema.parse({ max_steps: 2 })).toEqual({ ...HYPERPARAMETERS, max_steps: 2, beta: 0.1 });
    expect(schema.safeParse({ beta: 0 }).success).toBe(false);
    expect(schema.safeParse({ optim_memory_limit: 1 }).error?.issues[0]?.path).toEqual(["optim_memory_limit"]);
  });
});
