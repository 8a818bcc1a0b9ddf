import type { SettingsOf } from "../../shared/api/methods.ts";
import { logSigmoid } from "../losses/log-sigmoid.ts";
import type { Objective } from "./objective.ts";
import { betaOf } from "./preferences/beta.ts";
import { pairObjective } from "./preferences/pair-objective.ts";
import { meanOverUnits, pairLogProbabilities, pairMetrics, perToken, scaled } from "./preferences/pair-unit.ts";

/**
 * Simple preference optimisation, without a reference: −log σ(β(log p_c − log p_r) − γ), log p the mean over the completion's
 * tokens (Meng et al. 2024); with label smoothing ε, (1−ε) of it and ε of the same for the pair turned round, as in trl.
 */
export const simpo: Objective<SettingsOf<"simpo">> = pairObjective({
  learningRate: 0.05,
  loss(context, settings) {
    const { b } = context;
    const { gamma, label_smoothing: epsilon } = settings.hyperparameters;
    const logps = perToken(context, pairLogProbabilities(context));
    const rewards = scaled(context, logps, betaOf("simpo", settings));
    const margin = b.sub(b.sub(rewards.chosen, rewards.rejected), gamma);
    const right = b.mul(logSigmoid(b, margin), -(1 - epsilon));
    const losses = epsilon === 0 ? right : b.sub(right, b.mul(logSigmoid(b, b.neg(margin)), epsilon));
    return { loss: meanOverUnits(context, losses), metrics: pairMetrics(context, { rewards, logps }) };
  },
});
