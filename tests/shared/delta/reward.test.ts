import { describe, expect, it } from "vitest";
import { isUnseen, joinedReward, type Reward, requireRewardModel, rewardOf } from "../../../shared/delta/reward.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { decodeScorer, encodeScorer } from "../../../shared/delta/scorer-file.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { f32 } from "../../../shared/tensor.ts";
import goldenConfig from "../../golden/llama/plain/config.json" with { type: "json" };
import { randomScorer } from "./random-scorer.ts";

const config = parseModelConfig(goldenConfig);
const width = config.hiddenSize;
const first = [1, ...new Array<number>(width - 1).fill(0)];
const scorer: Scorer = {
  weight: f32(
    [width, 1],
    first.map((x) => 3 * x),
  ),
  bias: f32([1], [-1]),
  seen: { mean: f32([width], new Array(width).fill(0)), directions: f32([width, 1], first) },
  about: {
    labels: ["reward"],
    lead: [],
    temperatures: { lookahead: 2 },
    seen: { variances: [1], rest: 1, threshold: 2 / Math.sqrt(width) },
  },
};
const state = (x: number) => Float32Array.from(first, (one) => one * x);
const of = (reward: number, unseen: boolean | null = false): Reward => ({ reward, calibrated: reward / 2, unseen });

describe("a reward", () => {
  it("is what the head gives, divided by the temperature for the calibrated one", () => {
    expect(rewardOf(scorer, state(1))).toEqual({ reward: 2, calibrated: 1, unseen: false });
    expect(rewardOf(scorer, state(-3))).toEqual({ reward: -10, calibrated: -5, unseen: true });
    const { seen: _, about, ...older } = scorer;
    const { seen: __, ...rest } = about;
    expect(isUnseen({ ...older, about: rest }, state(9))).toBeNull();
  });

  it("is the same of a scorer that was written and read, also of one without the states it has seen", () => {
    expect(decodeScorer(encodeScorer(scorer), config)).toEqual(scorer);
    const { seen: _, ...unaware } = { ...scorer, about: { ...scorer.about, seen: undefined } };
    const read = decodeScorer(encodeScorer(unaware as Scorer), config);
    expect(rewardOf(read, state(1))).toEqual({ reward: 2, calibrated: 1, unseen: null });
    const torn = { ...scorer, about: { ...scorer.about, seen: { ...scorer.about.seen!, variances: [1, 2] } } };
    expect(() => decodeScorer(encodeScorer(torn), config)).toThrow("scorer.directions");
    expect(() =>
      decodeScorer(encodeScorer({ ...scorer, about: { ...scorer.about, seen: undefined } } as Scorer), config),
    ).toThrow("lacks `seen`");
  });

  it("is refused of what is no reward model", () => {
    const asked = { name: '"m"', param: "model[1]" };
    expect(requireRewardModel(scorer, asked)).toBe(scorer);
    for (const [given, message] of [
      [undefined, "no scoring head"],
      [randomScorer(config), "classifier of 2 classes"],
      [{ ...scorer, about: { ...scorer.about, temperatures: {} } }, "not calibrated"],
    ] as const) {
      expect(() => requireRewardModel(given, asked)).toThrow(
        expect.objectContaining({
          code: "invalid_request",
          param: "model[1]",
          message: expect.stringContaining(message),
        }),
      );
    }
  });
});

describe("an ensemble's reward", () => {
  it("is the mean, the least, or the mean less λ times the variance", () => {
    const members = [of(1), of(2), of(6)];
    expect(joinedReward(members, { type: "mean" })).toMatchObject({ reward: 3, calibrated: 1.5, variance: 14 / 3 });
    expect(joinedReward(members, { type: "worst" })).toMatchObject({ reward: 1, calibrated: 0.5 });
    const less = joinedReward(members, { type: "mean_minus_variance", lambda: 0.3 });
    expect(less.reward).toBeCloseTo(3 - 0.3 * (14 / 3), 12);
    expect(less.calibrated).toBeCloseTo(1.5 - (0.3 * 14) / 12, 12);
    expect(joinedReward([of(4)], { type: "mean_minus_variance", lambda: 9 })).toMatchObject({ reward: 4, variance: 0 });
    expect(() => joinedReward([], { type: "mean" })).toThrow("without members");
  });

  it("is unseen where at least half of those who know say so", () => {
    const unseen = (...votes: (boolean | null)[]) =>
      joinedReward(
        votes.map((vote) => of(0, vote)),
        { type: "mean" },
      ).unseen;
    expect([unseen(true, false), unseen(true, false, false), unseen(null, null), unseen(null, true)]).toEqual([
      true,
      false,
      null,
      true,
    ]);
  });
});
