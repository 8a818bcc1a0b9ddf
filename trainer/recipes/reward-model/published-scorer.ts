/** Turns a trained head into the scorer that the delta carries. */
import { rewardOf } from "../../../shared/delta/reward.ts";
import type { Scorer } from "../../../shared/delta/scorer.ts";
import { f32, type Tensor, zeros } from "../../../shared/tensor.ts";
import type { Unit } from "../../data/units.ts";
import { type Calibration, calibrate, judgedPairs } from "./calibrate.ts";
import type { RewardGoal, RewardScale } from "./data.ts";
import { REWARD_HEAD } from "./loss.ts";
import { fitSeenStates } from "./seen-states.ts";

export interface RewardScorerParts {
  readonly goal: RewardGoal;
  readonly scale: RewardScale;
  /** The trained parameters. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  /** The final states of training texts, and of those that the calibration uses, by unit and example. */
  readonly seen: readonly Float32Array[];
  readonly judged: { readonly units: readonly Unit[]; readonly states: readonly (readonly Float32Array[])[] };
  readonly seed: number;
}

export interface PublishedReward {
  readonly scorer: Scorer;
  /** undefined where no two completions can be compared; the temperature is then 1. */
  readonly calibration: Calibration | undefined;
}

/**
 * Rewards learned from comparisons have no zero of their own, so theirs is put at the mean over the training texts, which makes
 * the members of an ensemble comparable; rewards learned from ratings are on the scale of the ratings.
 */
export function publishedReward(parts: RewardScorerParts): PublishedReward {
  const { goal, scale, values, seen, judged, seed } = parts;
  const weight = values.get(REWARD_HEAD.weight)!;
  const fitted = fitSeenStates(seen, seed);
  const head = (bias: number, temperature: number): Scorer => ({
    weight: f32(
      weight.shape,
      weight.data.map((w) => w * scale.deviation),
    ),
    bias: f32([1], [bias]),
    ...(fitted === undefined ? {} : { seen: fitted.seen }),
    about: {
      labels: ["reward"],
      lead: [],
      ends: true,
      temperatures: { lookahead: temperature },
      ...(fitted === undefined ? {} : { seen: { ...fitted.spread, variances: [...fitted.spread.variances] } }),
    },
  });
  const bias =
    goal === "rating"
      ? scale.mean + scale.deviation * (values.get(REWARD_HEAD.bias) ?? zeros([1])).data[0]!
      : -meanReward(head(0, 1), seen);
  const plain = head(bias, 1);
  const rewards = judged.states.map((own) => own.map((state) => rewardOf(plain, state).reward));
  const calibration = calibrate(judgedPairs(judged.units, rewards, { goal, seed }));
  return { scorer: head(bias, calibration?.temperature ?? 1), calibration };
}

function meanReward(scorer: Scorer, states: readonly Float32Array[]): number {
  if (states.length === 0) return 0;
  return states.reduce((sum, state) => sum + rewardOf(scorer, state).reward, 0) / states.length;
}
