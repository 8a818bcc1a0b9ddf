import { describe, expect, it } from "vitest";
import { datasetsOf, Method, scorerNumbers } from "../../../shared/api/methods.ts";

const parse = (settings?: unknown) =>
  Method.parse({ type: "reward_model", ...(settings === undefined ? {} : { reward_model: settings }) });

describe("the settings of a reward model's job", () => {
  it("can be left out", () => {
    expect(parse()).toMatchObject({
      reward_model: {
        hyperparameters: { n_epochs: "auto", center_rewards_coefficient: 0, rating_margin: 0 },
        peft: { type: "lora" },
        ratings: "regression",
      },
    });
    expect(parse({ peft: [] })).toMatchObject({ reward_model: { peft: [] } });
  });

  it("ask for one of three kinds of data, and room for the head and what it has seen", () => {
    for (const param of ["training_file", "validation_file"] as const) {
      expect(datasetsOf(parse(), param)).toEqual(["preference_pairs", "rankings", "ratings"]);
    }
    expect(scorerNumbers(parse(), { hiddenSize: 10, vocabSize: 99 })).toBe(1 + 10 * 18);
  });

  it.each([
    [{ peft: { type: "full" } }, "must not be full"],
    [{ hyperparameters: { center_rewards_coefficient: -1 } }, "center_rewards_coefficient"],
    [{ ratings: "order" }, "ratings"],
    [{ margin: 1 }, "margin"],
  ])("refuse %j", (settings, message) => {
    expect(() => parse(settings)).toThrow(message);
  });
});
