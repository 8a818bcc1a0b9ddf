/** What a reward model says of a text, and what several that share a base say together. */
import { TrimtabError } from "../errors.ts";
import type { Scorer } from "./scorer.ts";
import { calibrated, classLogits } from "./scorer-values.ts";
import { distanceFrom } from "./seen-states.ts";

export interface Reward {
  /** The head's value r. */
  readonly reward: number;
  /** r / T, T the fitted temperature: σ of the difference of two is the probability that the first text is preferred. */
  readonly calibrated: number;
  /** Whether the text is unlike those of the training data; null if the model does not know. */
  readonly unseen: boolean | null;
}

/**
 * Throws `invalid_request`, with `param` as the field, for a model without a scoring head, or with one that tells classes apart.
 * `name` is what the message calls it.
 */
export function requireRewardModel(
  scorer: Scorer | undefined,
  { name, param }: { readonly name: string; readonly param: string },
): Scorer {
  if (scorer === undefined) {
    const message = `${name} is no reward model: it has no scoring head. Train one with a job of type reward_model.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const { labels, temperatures } = scorer.about;
  if (labels.length === 1 && temperatures.lookahead !== undefined) return scorer;
  const message =
    labels.length === 1
      ? `${name} was not calibrated for whole texts, so it cannot reward them.`
      : `${name} is a classifier of ${labels.length} classes, not a reward model. Train one with a job of type reward_model.`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** @param final [D]: the head's input after the text's last token */
export function rewardOf(scorer: Scorer, final: Float32Array): Reward {
  const logits = classLogits(scorer, final);
  return {
    reward: logits[0]!,
    calibrated: calibrated(scorer, logits, "lookahead")[0]!,
    unseen: isUnseen(scorer, final),
  };
}

/** Whether a state is unlike those that the scorer was trained on; null for a scorer that does not know them. */
export function isUnseen({ seen, about }: Scorer, state: ArrayLike<number>): boolean | null {
  if (seen === undefined || about.seen === undefined) return null;
  return distanceFrom(seen, about.seen, state) > about.seen.threshold;
}

/**
 * How an ensemble's rewards become one (Coste et al., "Reward Model Ensembles Help Mitigate Overoptimization", 2023): their mean,
 * the least, or the mean less λ times their variance (over the members, not an estimate for more of them).
 */
export type RewardAggregate =
  | { readonly type: "mean" }
  | { readonly type: "worst" }
  | { readonly type: "mean_minus_variance"; readonly lambda: number };

export interface JoinedReward extends Reward {
  /** Of the members' rewards; 0 of one member. */
  readonly variance: number;
}

/**
 * The reward of an ensemble, and of the calibrated values the same. A text is unseen if at least half of the members that know
 * think so. Throws `internal_error` without members.
 */
export function joinedReward(members: readonly Reward[], aggregate: RewardAggregate): JoinedReward {
  if (members.length === 0) throw new TrimtabError("internal_error", "an ensemble without members has no reward");
  const rewards = members.map(({ reward }) => reward);
  const known = members.flatMap(({ unseen }) => unseen ?? []);
  return {
    reward: joined(rewards, aggregate),
    calibrated: joined(
      members.map((member) => member.calibrated),
      aggregate,
    ),
    unseen: known.length === 0 ? null : 2 * known.filter(Boolean).length >= known.length,
    variance: varianceOf(rewards),
  };
}

function joined(values: readonly number[], aggregate: RewardAggregate): number {
  if (aggregate.type === "worst") return Math.min(...values);
  const mean = meanOf(values);
  return aggregate.type === "mean_minus_variance" ? mean - aggregate.lambda * varianceOf(values) : mean;
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
}
