import { describe, expect, it } from "vitest";
import { JOB_TYPES, type SettingsOf } from "../../../../shared/api/methods.ts";
import type { RecipeJob } from "../../../../trainer/recipes/recipe.ts";
import { readRewardData } from "../../../../trainer/recipes/reward-model/data.ts";

type Settings = SettingsOf<"reward_model">;
const file = (name: string, lines: readonly object[]) => ({
  ...{ name, digest: "d" },
  bytes: new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
});
const read = (training: readonly object[], validation: readonly object[] | null = null, settings: object = {}) =>
  readRewardData({
    ...{ type: "reward_model", seed: 4, settings: JOB_TYPES.reward_model.settings.parse(settings) },
    training: file("train.jsonl", training),
    validation: validation === null ? null : file("valid.jsonl", validation),
  } as unknown as RecipeJob<Settings>);
const pair = (i: number) => ({ prompt: `p${i}`, chosen: "a", rejected: "b" });
const rated = (prompt: number, rating: number) => ({ prompt: `p${prompt}`, completion: `c${rating}`, rating });
const refusal = (...given: Parameters<typeof read>) => {
  try {
    read(...given);
  } catch (error) {
    return error;
  }
  return expect.fail("was not refused");
};

describe("what a reward model learns from", () => {
  it("decides what it learns", () => {
    expect(read([pair(1)])).toMatchObject({ kind: "preference_pairs", goal: "pairs", completions: 2 });
    const ranking = { prompt: "p", completions: ["a", "b", "c"] };
    expect(read([{ prompt: "p", completions: ["a", "b"] }, ranking])).toMatchObject({
      goal: "ranking",
      completions: 3,
    });
    // A validation file may have longer rankings than the training file.
    expect(read([{ prompt: "p", completions: ["a", "b"] }], [ranking]).completions).toBe(3);
    const ratings = read([rated(1, 2), rated(2, 4), rated(3, 6)]);
    expect(ratings).toMatchObject({ goal: "rating", completions: 1, scale: { mean: 4 } });
    expect(ratings.scale.deviation).toBeCloseTo(Math.sqrt(8 / 3), 12);
  });

  it("is held out by prompt where there is no validation file, if there are enough", () => {
    expect(read(Array.from({ length: 39 }, (_, i) => pair(i)))).toMatchObject({ calibratedOn: "training_file" });
    const lines = Array.from({ length: 90 }, (_, i) => ({ ...pair(i % 45), rejected: `b${i}` }));
    const { training, validation, calibratedOn } = read(lines);
    expect([training.length, validation.length, calibratedOn]).toEqual([82, 8, "held_out"]);
    const kept = new Set(training.map(({ prompt }) => prompt));
    expect(validation.every(({ prompt }) => !kept.has(prompt))).toBe(true);
    expect(read(lines).validation.map(({ line }) => line)).toEqual(validation.map(({ line }) => line));
    expect(read(lines, [pair(1)])).toMatchObject({ calibratedOn: "validation_file" });
  });

  it("is refused where the files or the settings do not go together", () => {
    expect(refusal([pair(1)], [rated(1, 2), rated(1, 3)])).toMatchObject({
      code: "invalid_dataset",
      param: "validation_file",
      message: expect.stringContaining("valid.jsonl holds ratings, and the training file preference_pairs"),
    });
    const centred = { hyperparameters: { center_rewards_coefficient: 0.1 } };
    expect(refusal([rated(1, 2), rated(1, 3)], null, centred)).toMatchObject({
      code: "invalid_request",
      param: "method.reward_model.hyperparameters.center_rewards_coefficient",
    });
    expect(read([rated(1, 2), rated(1, 3)], null, { ...centred, ratings: "pairs" })).toMatchObject({ goal: "pairs" });
    expect(
      refusal([
        {
          messages: [
            { role: "user", content: "a" },
            { role: "assistant", content: "b" },
          ],
        },
      ]),
    ).toMatchObject({
      code: "invalid_dataset",
      param: "training_file",
    });
    expect(refusal([rated(1, 3), rated(2, 3)])).toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining("has the rating 3"),
    });
  });
});
