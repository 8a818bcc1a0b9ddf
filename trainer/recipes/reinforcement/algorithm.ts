import type { LossContext, LossGraph } from "../loss-context.ts";
import type { ReinforcementSettings } from "./settings.ts";

/** What one algorithm of reinforcement has to itself: a file and a registry row. Both parts are pure. */
export interface Algorithm<S extends ReinforcementSettings> {
  /** Whether it learns the value of every unfinished reply. */
  readonly hasValues?: boolean;
  /** Whether replies to one prompt are compared with each other, so that each needs at least two. */
  readonly isGrouped?: boolean;
  /** From a phase's rewards to the advantage of each reply token, in float64. */
  advantages(phase: RewardedReplies, settings: S): Advantages;
  /** Adds a micro-batch's loss to its graph; see `PHASE_COLUMNS` for what it can read. */
  loss(context: LossContext, settings: S): LossGraph;
}

/** The replies of a phase, in the order of their prompts, with their rewards. */
export interface RewardedReplies {
  /** Replies to each prompt. */
  readonly generations: number;
  /** One for each reply, after the penalty for one that does not end. */
  readonly rewards: readonly number[];
  /** What each token adds to the reward: −β · KL where the divergence is in the reward, otherwise 0. */
  readonly penalties: readonly (readonly number[])[];
  /** The value before each token; empty lists without values. */
  readonly values: readonly Float32Array[];
}

export interface Advantages {
  /** Of each token of each reply. */
  readonly advantages: readonly (readonly number[])[];
  /** What values are held to; needed with values. */
  readonly returns?: readonly (readonly number[])[];
}

/** The reward of each token: its penalty, and at the last one the reply's reward besides. */
export function tokenRewards({ rewards, penalties }: RewardedReplies): number[][] {
  return penalties.map((ofReply, r) =>
    ofReply.map((penalty, t) => (t === ofReply.length - 1 ? penalty + rewards[r]! : penalty)),
  );
}

/** The reward of each reply with its tokens' penalties. */
export function replyRewards({ rewards, penalties }: RewardedReplies): number[] {
  return rewards.map((reward, r) => penalties[r]!.reduce((sum, penalty) => sum + penalty, reward));
}

/** One number for every token of each reply. */
export function forEachToken(numbers: readonly number[], { penalties }: RewardedReplies): number[][] {
  return penalties.map((ofReply, r) => ofReply.map(() => numbers[r]!));
}
