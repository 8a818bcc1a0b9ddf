import { describe, expect, it } from "vitest";
import { rewardOf } from "../../../../shared/delta/reward.ts";
import { createRandom } from "../../../../shared/random.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { REWARD_HEAD } from "../../../../trainer/recipes/reward-model/loss.ts";
import { publishedReward } from "../../../../trainer/recipes/reward-model/published-scorer.ts";

const WIDTH = 4;
const random = createRandom(9, "states");
const states = Array.from({ length: 40 }, () => Float32Array.from({ length: WIDTH }, () => random.normal()));
const units = Array.from({ length: 20 }, () => {
  const example = { ids: new Int32Array(3), labels: Int32Array.of(-100, 1, 1) };
  return { examples: [example, example] };
});
const byUnit = Array.from({ length: 20 }, (_, i) => states.slice(2 * i, 2 * i + 2));
const parts = {
  values: new Map([
    [REWARD_HEAD.weight, f32([WIDTH, 1], [1, 0, -2, 0])],
    [REWARD_HEAD.bias, f32([1], [0.5])],
  ]),
  seen: states,
  judged: { units, states: byUnit },
  seed: 1,
};

describe("the scorer of a reward model", () => {
  it("has its zero at the mean over the training texts where it learned from comparisons", () => {
    const scale = { mean: 0, deviation: 1 };
    const { scorer, calibration } = publishedReward({ ...parts, goal: "pairs", scale });
    const rewards = states.map((state) => rewardOf(scorer, state).reward);
    expect(rewards.reduce((sum, reward) => sum + reward, 0) / 40).toBeCloseTo(0, 5);
    expect(scorer.about.temperatures.lookahead).toBe(calibration!.temperature);
    expect(calibration!.pairs).toBe(20);
    expect(scorer.about.seen!.threshold).toBeGreaterThan(0);
  });

  it("is on the scale of the ratings that it learned from", () => {
    const scale = { mean: 3, deviation: 2 };
    const rated = units.map((unit, u) => ({ examples: unit.examples.slice(1), columns: { rating: u % 3, prompt: u } }));
    const judged = { units: rated, states: byUnit.map((own) => own.slice(1)) };
    const { scorer } = publishedReward({ ...parts, judged, goal: "rating", scale });
    const [state] = states;
    expect(rewardOf(scorer, state!).reward).toBeCloseTo(3 + 2 * (state![0]! - 2 * state![2]! + 0.5), 5);
  });

  it("is not calibrated, and knows no states, where there is too little to look at", () => {
    const alone = { ...parts, seen: states.slice(0, 4), judged: { units: [], states: [] } };
    const { scorer, calibration } = publishedReward({ ...alone, goal: "pairs", scale: { mean: 0, deviation: 1 } });
    expect(calibration).toBeUndefined();
    expect(scorer.about.temperatures.lookahead).toBe(1);
    expect([scorer.seen, scorer.about.seen]).toEqual([undefined, undefined]);
  });
});
