import { describe, expect, it } from "vitest";
import { JOB_TYPES } from "../../../../shared/api/methods.ts";
import {
  clipRange,
  evalSamples,
  phaseShape,
  replyTokens,
  reported,
  resolved,
} from "../../../../trainer/recipes/reinforcement/settings.ts";

const settings = (hyperparameters: object = {}) =>
  JOB_TYPES.grpo.settings.parse({ reward: { type: "reward_model", model: "rm" }, hyperparameters });

describe("the settings of reinforcement", () => {
  it("get a number for each auto of their own, and keep those that are given", () => {
    const auto = resolved(settings(), 512);
    expect(reported(auto)).toEqual({
      num_generations: 8,
      max_completion_length: 64,
      eval_samples: 1,
      beta: 0,
      temperature: 1,
    });
    expect(replyTokens(resolved(settings({ max_length: 64 }), 512))).toBe(8);
    expect(replyTokens(resolved(settings(), 32_768))).toBe(256);
    const given = resolved(settings({ num_generations: 3, max_completion_length: 20, eval_samples: 2 }), 512);
    expect([phaseShape(given).generations, replyTokens(given), evalSamples(given)]).toEqual([3, 20, 2]);
  });

  it("scale the replies with OpenAI's compute_multiplier, where their number is open", () => {
    const of = (hyperparameters: object) => {
      const grader = { type: "string_check", name: "g", operation: "eq", input: "a", reference: "a" };
      const parsed = JOB_TYPES.reinforcement.settings.parse({ grader, hyperparameters });
      return reported(resolved({ ...parsed, reward: { type: "grader", grader: parsed.grader } }, 512));
    };
    expect(of({})).toMatchObject({ compute_multiplier: 1, num_generations: 8 });
    expect(of({ compute_multiplier: 2 })).toMatchObject({ compute_multiplier: 2, num_generations: 16 });
    expect(of({ compute_multiplier: 0.25 })).toMatchObject({ num_generations: 2 });
    expect(of({ compute_multiplier: 2, num_generations: 3 })).toMatchObject({ num_generations: 3 });
  });

  it("clip as far above 1 as below, unless they say otherwise", () => {
    expect(clipRange(settings())).toEqual({ low: 0.8, high: 1.2 });
    expect(clipRange(settings({ epsilon: 0.1, epsilon_high: 0.5 }))).toEqual({ low: 0.9, high: 1.5 });
  });

  it("are not used before they are resolved", () => {
    expect(() => replyTokens(settings())).toThrow("not resolved");
  });
});
