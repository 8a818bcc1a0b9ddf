import type { ScoredReward } from "../../rewards/reward-source.ts";
import type { Metrics } from "../recipe.ts";
import { deviationOf, groupDeviations, meanOf, varianceOf } from "./advantages.ts";
import type { Reply } from "./replies.ts";
import { distinct, repetition } from "./text-statistics.ts";

/** What is known of replies and their rewards, whether they are trained on or measured. Under trl's names where it has them. */
export function replyMetrics(replies: readonly Reply[], scores: readonly ScoredReward[], generations: number): Metrics {
  const rewards = scores.map(({ reward }) => reward);
  const lengths = replies.map(({ old }) => old.length);
  const ended = replies.filter(({ scored }) => scored.ended);
  const texts = replies.map(({ scored: { reply, ended: whole } }) => (whole ? reply.subarray(0, -1) : reply));
  const deviations = groupDeviations(rewards, generations);
  return {
    reward: meanOf(rewards),
    reward_std: meanOf(deviations),
    frac_reward_zero_std: deviations.filter((deviation) => deviation === 0).length / Math.max(1, deviations.length),
    ...partMetrics(scores),
    flawed: scores.filter(({ flaw }) => flaw !== undefined).length / Math.max(1, scores.length),
    "objective/kl": meanOf(replies.map(({ divergence }) => divergence.reduce((sum, d) => sum + d, 0))),
    "objective/entropy": meanOf(replies.map(({ old }) => -old.reduce((sum, logp) => sum + logp, 0))),
    "completions/mean_length": meanOf(lengths),
    "completions/min_length": lengths.reduce((least, length) => Math.min(least, length), Number.POSITIVE_INFINITY),
    "completions/max_length": lengths.reduce((most, length) => Math.max(most, length), 0),
    "completions/clipped_ratio": 1 - ended.length / Math.max(1, replies.length),
    "completions/distinct_1": distinct(texts, 1),
    "completions/distinct_2": distinct(texts, 2),
    "completions/repetition": repetition(texts, 4),
    "val/num_eos_tokens": ended.length,
  };
}

/** The mean of each part that rewards are made from. */
function partMetrics(scores: readonly ScoredReward[]): Metrics {
  const names = new Set(scores.flatMap(({ parts = {} }) => Object.keys(parts)));
  const mean = (name: string) => meanOf(scores.flatMap(({ parts }) => parts?.[name] ?? []));
  return Object.fromEntries([...names].map((name) => [`rewards/${name}/mean`, mean(name)]));
}

export interface PhaseNumbers {
  /** Counted from 0. */
  readonly phase: number;
  readonly generations: number;
  readonly replies: readonly Reply[];
  readonly scores: readonly ScoredReward[];
  /** After the penalty for replies that do not end. */
  readonly rewards: readonly number[];
  readonly penalties: readonly (readonly number[])[];
  readonly values: readonly Float32Array[];
  readonly advantages: readonly (readonly number[])[];
  readonly returns: readonly (readonly number[])[];
  readonly coefficient: number;
}

/** What is reported with every step of a phase. */
export function phaseMetrics(numbers: PhaseNumbers): Metrics {
  const { phase, replies, scores, rewards, penalties, values, advantages, returns, coefficient } = numbers;
  const ofReplies = replyMetrics(replies, scores, numbers.generations);
  const nonScore = meanOf(penalties.map((ofReply) => ofReply.reduce((sum, penalty) => sum + penalty, 0)));
  const [flatReturns, flatValues] = [returns.flat(), values.flatMap((ofReply) => [...ofReply])];
  const spread = varianceOf(flatReturns);
  const errors = flatReturns.map((goal, i) => goal - flatValues[i]!);
  return {
    ...ofReplies,
    phase: phase + 1,
    train_reward_mean: ofReplies.reward!,
    "objective/scores": meanOf(rewards),
    "objective/non_score_reward": nonScore,
    "objective/rlhf_reward": meanOf(rewards) + nonScore,
    "objective/kl_coef": coefficient,
    "objective/advantage_std": deviationOf(advantages.flat()),
    "sampling/logp_difference": difference(replies),
    ...(flatReturns.length === 0
      ? {}
      : { "val/explained_var": spread === 0 ? 0 : 1 - varianceOf(errors) / spread, "val/mean": meanOf(flatValues) }),
  };
}

/** The most by which a token's log-probability when it was sampled differs from the one that scoring gives. */
function difference(replies: readonly Reply[]): number {
  const ofReply = ({ old, sampled }: Reply) =>
    sampled.reduce((most, logp, t) => Math.max(most, Math.abs(logp - old[t]!)), 0);
  return replies.reduce((most, reply) => Math.max(most, ofReply(reply)), 0);
}
