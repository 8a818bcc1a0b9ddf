import type { SettingsOf } from "../../shared/api/methods.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { discountedReturns, lessGroupMean, whitened } from "./reinforcement/advantages.ts";
import { type Algorithm, tokenRewards } from "./reinforcement/algorithm.ts";
import { addedLoss, clipMetrics, meanOverTokens, policyEntropy, policyTerms } from "./reinforcement/loss.ts";

/**
 * REINFORCE++ (Hu 2025), as OpenRLHF and verl have it: PPO's clipped loss without values. A token's advantage is its return, the sum
 * of the rewards from it on (−β · KL of each token, and the reply's reward at the last one), whitened over all tokens of the phase.
 * With `baseline` "group" a reply's reward is less the mean of its prompt's replies first (REINFORCE++-baseline).
 */
export const reinforcePp: Algorithm<SettingsOf<"reinforce_pp">> = {
  advantages(phase, { hyperparameters: { gamma, baseline } }) {
    const rewards = baseline === "group" ? lessGroupMean(phase.rewards, phase.generations) : phase.rewards;
    const returns = tokenRewards({ ...phase, rewards }).map((ofReply) => discountedReturns(ofReply, gamma));
    return { advantages: whitened(returns) };
  },
  loss(context, settings) {
    const { b } = context;
    const policy = policyTerms(context, settings);
    const entropy = policyEntropy(context, settings);
    const added = addedLoss(context, { logProbabilities: policy.logProbabilities, entropy }, settings);
    const mean = (x: Value) => meanOverTokens(context, x);
    return {
      loss: mean(added === undefined ? policy.clippedLoss : b.add(policy.clippedLoss, added)),
      metrics: {
        entropy: { value: mean(entropy), kind: "sum" },
        "val/ratio": { value: mean(policy.ratio), kind: "sum" },
        "policy/approxkl_avg": { value: mean(b.mul(b.square(policy.change), 0.5)), kind: "sum" },
        ...clipMetrics(context, { ratio: policy.ratio, advantage: context.column("advantage"), mean }, settings),
      },
    };
  },
};
