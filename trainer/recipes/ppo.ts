import type { SettingsOf } from "../../shared/api/methods.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { generalisedAdvantages, whitened } from "./reinforcement/advantages.ts";
import { type Algorithm, tokenRewards } from "./reinforcement/algorithm.ts";
import { addedLoss, clipped, meanOverTokens, policyEntropy, policyTerms } from "./reinforcement/loss.ts";
import { valuesOf } from "./reinforcement/value-head.ts";

/**
 * Proximal policy optimisation (Schulman et al. 2017), as trl 1.12's PPOTrainer has it for language models:
 *
 *   max(−A ρ, −A clip(ρ, 1 ± ε)) + c_v · ½ max((V − R)², (clip(V, V_old ± ε_v) − R)²) − c_e · H
 *
 * each meaned over the step's reply tokens. The reward of a token is −β · KL, and at a reply's last one, its end token where it has
 * one, the reply's reward besides. A comes from generalised advantage estimation; R = A + V, then A is whitened over the phase.
 *
 * One base serves policy (the delta on), reference (the delta off) and values (a linear head on the policy's last states, which
 * starts at 0 and is not published). trl differs: its values come from a second model, so that their loss does not reach the
 * policy; it places a reply's reward behind the last token where there is room; and its means over micro-batches are not those
 * of a whole step.
 */
export const ppo: Algorithm<SettingsOf<"ppo">> = {
  hasValues: true,
  advantages(phase, { hyperparameters: { gamma, lam: lambda, whiten_rewards } }) {
    const given = tokenRewards(phase);
    const rewards = whiten_rewards ? whitened(given, { shift: false }) : given;
    const advantages = rewards.map((ofReply, r) => generalisedAdvantages(ofReply, phase.values[r]!, { gamma, lambda }));
    const returns = advantages.map((ofReply, r) => ofReply.map((advantage, t) => advantage + phase.values[r]![t]!));
    return { advantages: whitened(advantages), returns };
  },
  loss(context, settings) {
    const { b } = context;
    const { cliprange_value: range, vf_coef } = settings.hyperparameters;
    const mean = (x: Value) => meanOverTokens(context, x);
    const metric = (x: Value) => ({ value: mean(x), kind: "sum" }) as const;
    const policy = policyTerms(context, settings);
    const entropy = policyEntropy(context, settings);

    const value = valuesOf(context);
    const [old, goal] = [context.column("value"), context.column("return")];
    const moved = b.add(old, clipped(context, b.sub(value, old), { low: -range, high: range }));
    const [unclippedError, clippedError] = [b.square(b.sub(value, goal)), b.square(b.sub(moved, goal))];
    const valueLoss = b.mul(b.max(unclippedError, clippedError), 0.5);

    const added = addedLoss(context, { logProbabilities: policy.logProbabilities, entropy }, settings);
    const perToken = b.add(policy.clippedLoss, b.mul(valueLoss, vf_coef));
    const unclippedLoss = b.neg(b.mul(context.column("advantage"), policy.ratio));
    return {
      loss: mean(added === undefined ? perToken : b.add(perToken, added)),
      metrics: {
        "policy/approxkl_avg": metric(b.mul(b.square(policy.change), 0.5)),
        "policy/clipfrac_avg": metric(b.cast(b.greater(policy.clippedLoss, unclippedLoss), "f32")),
        "policy/entropy_avg": metric(entropy),
        "loss/policy_avg": metric(policy.clippedLoss),
        "loss/value_avg": metric(valueLoss),
        "val/clipfrac_avg": metric(b.cast(b.greater(clippedError, unclippedError), "f32")),
        "val/ratio": metric(policy.ratio),
      },
    };
  },
};
