import type { RewardSource } from "../rewards/reward-source.ts";

/** What compares the replies of the two models: the job's own reward, or what the report's settings name. */
export interface Judge extends RewardSource {
  /** In a sentence: `the grader polite`. */
  readonly name: string;
  /** Whether the job trained on it, so that it may have been learned by heart. */
  readonly ownReward: boolean;
}
