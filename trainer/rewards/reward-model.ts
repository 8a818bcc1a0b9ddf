import { type Reward, requireRewardModel, rewardOf } from "../../shared/delta/reward.ts";
import { namedScorer, type ScorerDelta, type ScoringBase } from "./named-scorer.ts";
import type { RewardSource, ScoredReply, ScoredReward } from "./reward-source.ts";

/** A reward model on the run's base. */
export interface RewardModel {
  /** What it says of each reply, in order: what `POST /v1/rewards` answers for the same text. */
  judge(replies: readonly ScoredReply[]): Promise<readonly Reward[]>;
}

/**
 * Loads a reward model.
 *
 * @throws TrimtabError as `namedScorer` does; invalid_request for a classifier
 */
export function loadRewardModel(delta: ScorerDelta, base: ScoringBase): RewardModel {
  const { scorer, states } = namedScorer(delta, base);
  const { name, param } = delta;
  requireRewardModel(scorer, { name: `\`${param}\`: ${JSON.stringify(name)}`, param });
  return {
    judge: async (replies) => (await states(replies)).map((state) => rewardOf(scorer, state)),
  };
}

/** Rewards replies with a reward model; `parts` have the calibrated reward, and 1 for a text unlike those of its training data. */
export function rewardModelSource(model: RewardModel): RewardSource {
  return { score: async (replies) => (await model.judge(replies)).map(scored) };
}

function scored({ reward, calibrated, unseen }: Reward): ScoredReward {
  return { reward, parts: { calibrated, ...(unseen === null ? {} : { out_of_distribution: unseen ? 1 : 0 }) } };
}
