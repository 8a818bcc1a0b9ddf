import type { SettingsOf } from "../../shared/api/methods.ts";
import type { GrpoLoss } from "../../shared/api/reinforcement-methods.ts";
import type { Value } from "../../shared/graph/graph.ts";
import type { LossContext } from "./loss-context.ts";
import { lessGroupMean, scaledBy } from "./reinforcement/advantages.ts";
import { type Algorithm, forEachToken, replyRewards } from "./reinforcement/algorithm.ts";
import {
  addedLoss,
  clipMetrics,
  meanOverReplies,
  meanOverTokens,
  policyEntropy,
  policyTerms,
} from "./reinforcement/loss.ts";
import { replyTokens } from "./reinforcement/settings.ts";

/** How a loss per token becomes one number over the step, given the most tokens that a reply can have. */
const MEANS: Readonly<Record<GrpoLoss, (context: LossContext, perToken: Value, most: number) => Value>> = {
  /** Over the tokens of each reply, then over replies. */
  grpo(context, perToken) {
    const { b } = context;
    const tokens = b.max(context.sumOverExamples(context.targets().weights), 1);
    return meanOverReplies(context, b.div(context.sumOverExamples(perToken), tokens));
  },
  /** Σ / (replies · the most tokens of one), so that no reply's length changes what its tokens weigh (Liu et al. 2025). */
  dr_grpo: (context, perToken, most) =>
    context.b.div(meanOverReplies(context, context.sumOverExamples(perToken)), most),
  /** Over all tokens of the step (Yu et al. 2025). */
  dapo: meanOverTokens,
  cispo: meanOverTokens,
};

/**
 * Group relative policy optimisation (Shao et al. 2024), as trl 1.16's GRPOTrainer has it: the advantage of all tokens of a reply is
 * its reward less the mean of its prompt's replies, divided by their deviation + 1e-4 (`scale_rewards`). The loss per token is
 *
 *   grpo, dr_grpo, dapo   −min(A ρ, A clip(ρ, 1 − ε, 1 + ε_high)) + β · KL
 *   cispo                 −min(ρ, 1 + ε_high) · A · log π + β · KL, the ratio without a gradient (MiniMax 2025)
 *
 * and the types differ in how it is meaned. trl gives cispo's bound itself as `epsilon_high`; here it is 1 + `epsilon_high`, as in
 * the other losses.
 */
export const grpo: Algorithm<SettingsOf<"grpo">> = {
  isGrouped: true,
  advantages(phase, { hyperparameters: { scale_rewards: by } }) {
    const { generations } = phase;
    const rewards = replyRewards(phase);
    const centred = lessGroupMean(rewards, generations);
    return { advantages: forEachToken(scaledBy(centred, rewards, { by, generations }), phase) };
  },
  loss(context, settings) {
    const { b } = context;
    const { loss_type, epsilon, epsilon_high = epsilon } = settings.hyperparameters;
    const policy = policyTerms(context, settings);
    const entropy = policyEntropy(context, settings);
    const advantage = context.column("advantage");
    const bounded = b.detach(b.min(policy.ratio, 1 + epsilon_high));
    const perToken =
      loss_type === "cispo" ? b.neg(b.mul(b.mul(bounded, advantage), policy.logProbabilities)) : policy.clippedLoss;
    const added = addedLoss(context, { logProbabilities: policy.logProbabilities, entropy }, settings);
    const mean = (x: Value) => meanOverTokens(context, x);
    const most = replyTokens(settings);
    return {
      loss: MEANS[loss_type](context, added === undefined ? perToken : b.add(perToken, added), most),
      metrics: {
        entropy: { value: mean(entropy), kind: "sum" },
        "val/ratio": { value: mean(policy.ratio), kind: "sum" },
        "policy/approxkl_avg": { value: mean(b.mul(b.square(policy.change), 0.5)), kind: "sum" },
        ...clipMetrics(context, { ratio: policy.ratio, advantage, mean }, settings),
      },
    };
  },
};
