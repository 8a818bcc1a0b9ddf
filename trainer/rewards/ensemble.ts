import { joinedReward, type Reward, type RewardAggregate } from "../../shared/delta/reward.ts";
import type { RewardModel } from "./reward-model.ts";
import type { RewardSource } from "./reward-source.ts";

/** A member and the name by which `parts` show what it says. */
export interface EnsembleMember {
  readonly name: string;
  readonly model: RewardModel;
}

/**
 * Rewards replies with several reward models that share the run's base. `parts` have each member's reward, their variance, the joined
 * calibrated reward, and 1 for a text that at least half of the members have not seen the like of.
 */
export function ensembleSource(members: readonly EnsembleMember[], aggregate: RewardAggregate): RewardSource {
  return {
    async score(replies) {
      // One after the other: members share the executor, and each keeps its cores busy.
      const judged: (readonly Reward[])[] = [];
      for (const { model } of members) judged.push(await model.judge(replies));
      return replies.map((_, i) => {
        const own = judged.map((of) => of[i]!);
        const { reward, calibrated, variance, unseen } = joinedReward(own, aggregate);
        return {
          reward,
          parts: {
            ...Object.fromEntries(members.map(({ name }, k) => [name, own[k]!.reward])),
            ...{ variance, calibrated },
            ...(unseen === null ? {} : { out_of_distribution: unseen ? 1 : 0 }),
          },
        };
      });
    },
  };
}
