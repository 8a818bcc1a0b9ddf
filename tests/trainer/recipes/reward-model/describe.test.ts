import { describe, expect, it } from "vitest";
import type { RecipeContext } from "../../../../trainer/recipes/recipe.ts";
import type { Calibration } from "../../../../trainer/recipes/reward-model/calibrate.ts";
import type { RewardData } from "../../../../trainer/recipes/reward-model/data.ts";
import {
  calibrationEvent,
  calibrationMetrics,
  describeData,
  reportedCalibration,
} from "../../../../trainer/recipes/reward-model/describe.ts";

const data = {
  ...{ kind: "rankings", goal: "ranking", completions: 4, calibratedOn: "held_out", scale: { mean: 0, deviation: 1 } },
  training: new Array(50).fill({}),
  validation: new Array(5).fill({}),
} as unknown as RewardData;
const calibration: Calibration = {
  ...{ pairs: 8, temperature: 2.5, accuracy: 0.75, length_accuracy: 0.5, nll_before: 1, nll: 0.6 },
  ...{ ece_before: 0.2, ece: 0.05, reliability: [], reliability_before: [] },
};

function said(given: Partial<RewardData>): string[] {
  const messages: string[] = [];
  const context = {
    event: ({ level, message }) => void messages.push(`${level}: ${message}`),
  } as Partial<RecipeContext>;
  describeData(
    { ...data, ...given },
    { training: { name: "f", digest: "", bytes: new Uint8Array() }, type: "reward_model" },
    context as RecipeContext,
  );
  return messages;
}

describe("what a reward model's job tells", () => {
  it("is what the data holds, and what it is calibrated on", () => {
    expect(said({})).toEqual([
      "info: f: 50 rankings of up to 4 completions to learn from, and 5 that are held out to measure and calibrate on",
    ]);
    expect(said({ goal: "pairs", calibratedOn: "validation_file" })).toEqual([
      "info: f: 50 pairs of a better and a worse completion to learn from, and 5 of the validation file to measure and calibrate on",
    ]);
    const rated = said({ goal: "rating", scale: { mean: 3.25, deviation: 1.5 }, calibratedOn: "training_file" });
    expect(rated[0]).toBe("info: f: 50 rated completions to learn from, rated 3.250 on average, ± 1.50");
    expect(rated[1]).toMatch(/^warn: f has too few prompts to hold any out/);
  });

  it("has the length baseline beside the accuracy, and warns where length tells much", () => {
    const enough = { ...calibration, pairs: 50 };
    const event = calibrationEvent(enough, data);
    expect(event).toMatchObject({ level: "info", data: { ...enough, calibrated_on: "held_out" } });
    expect(event.message).toBe(
      "the held-out lines: the reward prefers the better completion in 75.0 % of 50 pairs, the longer one is better in 50.0 %; calibration error 0.200 before, 0.050 after a temperature of 2.50",
    );
    const biased = calibrationEvent({ ...enough, length_accuracy: 0.1 }, data);
    expect(biased).toMatchObject({ level: "warn", message: expect.stringContaining("length alone predicts much") });
    expect(calibrationEvent(undefined, data)).toMatchObject({ level: "warn" });
  });

  it("warns of fewer than fifty pairs", () => {
    expect(calibrationEvent({ ...calibration, pairs: 49 }, data)).toMatchObject({
      level: "warn",
      message: expect.stringMatching(
        /2\.50\. Fewer than 50 pairs make these figures and the temperature rough: send a `validation_file` with more/,
      ),
    });
  });

  it("is the result's metrics without the diagram", () => {
    expect(calibrationMetrics(calibration)).toEqual({
      ...{
        temperature: 2.5,
        accuracy: 0.75,
        length_accuracy: 0.5,
        nll_before: 1,
        nll: 0.6,
        ece_before: 0.2,
        ece: 0.05,
      },
      calibration_pairs: 8,
    });
    expect(calibrationMetrics(undefined)).toEqual({});
  });

  it("is the report's figures, with the lines that they are of", () => {
    expect(reportedCalibration(calibration, data)).toMatchObject({
      pairs: 8,
      calibrated_on: "held_out",
      ece_after: 0.05,
    });
    expect(reportedCalibration(undefined, data)).toBeNull();
  });
});
