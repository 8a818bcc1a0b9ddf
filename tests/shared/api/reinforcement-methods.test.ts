import type { ReinforcementMethod } from "openai/resources/fine-tuning/methods";
import { describe, expect, it } from "vitest";
import { checkOwnSettings, datasetsOf, Method, modelsAskedBy, modelsNamedBy } from "../../../shared/api/methods.ts";

const grader: ReinforcementMethod["grader"] = {
  type: "string_check",
  name: "g",
  operation: "eq",
  input: "{{sample.output_text}}",
  reference: "{{item.answer}}",
};
const judge = {
  type: "score_model",
  name: "j",
  model: "judge",
  input: [{ role: "user", content: "{{sample.output_text}}" }],
};
const reward = { type: "grader", grader };
const issues = (type: string, settings: object) =>
  Method.safeParse({ type, [type]: settings }).error?.issues.map(({ path }) => path.slice(1).join(".")) ?? [];

describe("OpenAI's reinforcement", () => {
  it("is taken as the SDK sends it, with numbers or autos, and filled in", () => {
    const hyperparameters: ReinforcementMethod["hyperparameters"] = {
      ...{ batch_size: 4, compute_multiplier: 1.5, eval_interval: 5, eval_samples: 2 },
      ...{ learning_rate_multiplier: "auto", n_epochs: 2, reasoning_effort: "default" },
    };
    const sent: ReinforcementMethod = { grader, hyperparameters };
    const method = Method.parse({ type: "reinforcement", reinforcement: sent });
    expect(method).toMatchObject({ reinforcement: { grader, hyperparameters } });
    expect(Method.parse({ type: "reinforcement", reinforcement: { grader } })).toMatchObject({
      reinforcement: {
        hyperparameters: {
          batch_size: "auto",
          eval_interval: "auto",
          compute_multiplier: "auto",
          num_generations: "auto",
        },
      },
    });
    expect(datasetsOf(method, "training_file")).toEqual(["prompts"]);
    expect(datasetsOf(method, "validation_file")).toEqual(["prompts"]);
  });

  it("needs a grader, and refuses by name what it cannot do", () => {
    expect(issues("reinforcement", {})).toEqual(["grader"]);
    for (const reasoning_effort of ["low", "medium", "high"]) {
      expect(issues("reinforcement", { grader, hyperparameters: { reasoning_effort } })).toEqual([
        "hyperparameters.reasoning_effort",
      ]);
    }
    expect(issues("reinforcement", { grader, hyperparameters: { num_generations: 1 } })).toEqual([
      "hyperparameters.num_generations",
    ]);
    expect(issues("reinforcement", { grader, response_format: { type: "json_schema" } })).toEqual([
      "response_format.type",
    ]);
    expect(issues("reinforcement", { grader, response_format: { type: "text" } })).toEqual([]);
  });

  it("names the models that its grader asks", () => {
    const method = Method.parse({ type: "reinforcement", reinforcement: { grader: judge } });
    expect(modelsAskedBy(method)).toEqual([{ name: "judge", param: "method.reinforcement.grader.model" }]);
    const broken = Method.parse({
      type: "reinforcement",
      reinforcement: { grader: { ...grader, input: "{{sample.x}}" } },
    });
    expect(() => checkOwnSettings(broken, { layers: 1 })).toThrow(
      expect.objectContaining({ param: "method.reinforcement.grader.input" }),
    );
  });
});

describe("the types with a reward", () => {
  it.each(["ppo", "rloo", "grpo", "reinforce_pp"] as const)("%s needs one, and names its models", (type) => {
    expect(issues(type, {})).toEqual(["reward"]);
    expect(issues(type, { reward })).toEqual([]);
    const method = Method.parse({
      type,
      [type]: {
        reward: [
          { type: "reward_model", model: "rm" },
          { type: "grader", grader: judge },
        ],
        gold: { type: "classifier", model: "c", label: "a" },
      },
    });
    expect(modelsNamedBy(method)).toEqual([
      { name: "rm", param: `method.${type}.reward[0].model`, scorer: "reward" },
      { name: "c", param: `method.${type}.gold.model`, scorer: "classifier" },
    ]);
    expect(modelsAskedBy(method)).toEqual([{ name: "judge", param: `method.${type}.reward[1].grader.model` }]);
  });

  it("have replies to compare where they compare them", () => {
    for (const type of ["rloo", "grpo"]) {
      expect(issues(type, { reward, hyperparameters: { num_generations: 1 } })).toEqual([
        "hyperparameters.num_generations",
      ]);
    }
    expect(issues("ppo", { reward, hyperparameters: { num_generations: 1 } })).toEqual([]);
    expect(issues("reinforce_pp", { reward, hyperparameters: { num_generations: 1 } })).toEqual([]);
    expect(issues("reinforce_pp", { reward, hyperparameters: { num_generations: 1, baseline: "group" } })).toEqual([
      "hyperparameters.num_generations",
    ]);
  });

  it("adapt a coefficient to a target alone", () => {
    expect(issues("ppo", { reward, hyperparameters: { kl_horizon: 100 } })).toEqual(["hyperparameters.kl_horizon"]);
    expect(issues("ppo", { reward, hyperparameters: { kl_target: 6, kl_horizon: 100 } })).toEqual([]);
    expect(issues("grpo", { reward, hyperparameters: { kl_target: 6 } })).toEqual(["hyperparameters.kl_target"]);
    expect(issues("ppo", { reward, stop: { kl: 0 } })).toEqual(["stop.kl"]);
  });
});
