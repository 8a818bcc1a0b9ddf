import { describe, expect, it } from "vitest";
import {
  checkReward,
  modelsAskedForReward,
  modelsOfReward,
  Reward,
  rewardParts,
} from "../../../shared/api/reward-settings.ts";

const check = { type: "string_check", name: "c", operation: "eq", input: "{{sample.output_text}}", reference: "a" };
const judge = {
  type: "label_model",
  name: "j",
  model: "m",
  input: [{ role: "user", content: "?" }],
  labels: ["a"],
  passing_labels: ["a"],
};

describe("Reward", () => {
  it("is one, or a list with weights of 1 by default", () => {
    const one = Reward.parse({ type: "reward_model", model: "rm" });
    expect(rewardParts(one, "reward")).toEqual([{ reward: one, weight: 1, param: "reward" }]);
    const list = Reward.parse([
      { type: "grader", grader: check, weight: -2 },
      { type: "reward_model", model: "rm" },
    ]);
    expect(rewardParts(list, "gold").map(({ weight, param }) => [weight, param])).toEqual([
      [-2, "gold[0]"],
      [1, "gold[1]"],
    ]);
    expect(rewardParts(list, "gold")[1]!.reward).toEqual({ type: "reward_model", model: "rm" });
  });

  it.each([
    {},
    [],
    { type: "unknown", model: "a" },
    { type: "reward_model" },
    { type: "reward_model", model: "a", weight: 1 },
    { type: "ensemble", models: ["a"] },
    { type: "ensemble", models: ["a", "a"] },
    { type: "ensemble", models: ["a", "b"], aggregate: "median" },
    { type: "classifier", model: "a" },
    { type: "grader", grader: { type: "string_check" } },
    new Array(9).fill({ type: "reward_model", model: "a" }),
  ])("refuses %j", (reward) => {
    expect(Reward.safeParse(reward).success).toBe(false);
  });

  it("says which deltas it names and which models its graders ask, with their fields", () => {
    const parts = rewardParts(
      Reward.parse([
        { type: "ensemble", models: ["a", "b"] },
        { type: "classifier", model: "c", label: "polite" },
        { type: "grader", grader: judge },
      ]),
      "reward",
    );
    expect(modelsOfReward(parts)).toEqual([
      { name: "a", param: "reward[0].models[0]", scorer: "reward" },
      { name: "b", param: "reward[0].models[1]", scorer: "reward" },
      { name: "c", param: "reward[1].model", scorer: "classifier" },
    ]);
    expect(modelsAskedForReward(parts)).toEqual([{ name: "m", param: "reward[2].grader.model" }]);
  });

  it("refuses graders that can grade nothing, with the field", () => {
    const of = (grader: object) => rewardParts(Reward.parse({ type: "grader", grader }), "reward");
    checkReward(of(check), "method.ppo");
    expect(() => checkReward(of({ ...check, reference: "{{item}}" }), "method.ppo")).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "method.ppo.reward.grader.reference" }),
    );
    const python = { type: "python", name: "p", source: "def grade(): return 1" };
    expect(() => checkReward(of(python), "method.ppo")).toThrow(/python/);
  });
});
