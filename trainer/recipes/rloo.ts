import type { SettingsOf } from "../../shared/api/methods.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { leaveOneOut, normalised } from "./reinforcement/advantages.ts";
import { type Algorithm, forEachToken, replyRewards } from "./reinforcement/algorithm.ts";
import {
  addedLoss,
  clipMetrics,
  clipped,
  meanOverReplies,
  meanOverTokens,
  policyEntropy,
  policyTerms,
} from "./reinforcement/loss.ts";
import { clipRange } from "./reinforcement/settings.ts";

/**
 * REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024), as trl 1.16's RLOOTrainer has it: a whole reply is one action,
 *
 *   −min(A ρ, A clip(ρ, 1 − ε, 1 + ε_high)), ρ = exp(Σ log π − Σ log π_old)
 *
 * meaned over the step's replies. A is the reply's reward, less β · Σ KL, less the mean of the same of the prompt's other replies.
 * Divergence and entropy in the loss are summed over a reply's tokens, as its log-probability is.
 */
export const rloo: Algorithm<SettingsOf<"rloo">> = {
  isGrouped: true,
  advantages(phase, { hyperparameters: { normalize_advantages, reward_clip_range: range } }) {
    const [low, high] = range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const rewards = replyRewards({ ...phase, rewards: phase.rewards.map((r) => Math.min(high, Math.max(low, r))) });
    const advantages = leaveOneOut(rewards, phase.generations);
    return { advantages: forEachToken(normalize_advantages ? normalised(advantages) : advantages, phase) };
  },
  loss(context, settings) {
    const { b } = context;
    const policy = policyTerms(context, settings);
    const entropy = policyEntropy(context, settings);
    const perReply = (x: Value) => context.sumOverExamples(x);
    const tokens = b.max(perReply(context.targets().weights), 1);
    // Every token of a reply has the reply's advantage.
    const advantage = b.div(perReply(context.column("advantage")), tokens);
    const ratio = b.exp(perReply(policy.change));
    const against = b.neg(advantage);
    const loss = b.max(b.mul(against, ratio), b.mul(against, clipped(context, ratio, clipRange(settings))));
    const added = addedLoss(context, { logProbabilities: policy.logProbabilities, entropy }, settings);
    const mean = (x: Value) => meanOverReplies(context, x);
    return {
      loss: mean(added === undefined ? loss : b.add(loss, perReply(added))),
      metrics: {
        entropy: { value: meanOverTokens(context, entropy), kind: "sum" },
        "val/ratio": { value: mean(ratio), kind: "sum" },
        "policy/approxkl_avg": { value: meanOverTokens(context, b.mul(b.square(policy.change), 0.5)), kind: "sum" },
        ...clipMetrics(context, { ratio, advantage, mean }, settings),
      },
    };
  },
};
