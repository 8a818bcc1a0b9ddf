import type { SettingsOf } from "../../shared/api/methods.ts";
import type { DpoLoss } from "../../shared/api/preference-methods.ts";
import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import { logSigmoid } from "../losses/log-sigmoid.ts";
import type { Objective } from "./objective.ts";
import { betaOf } from "./preferences/beta.ts";
import { pairObjective } from "./preferences/pair-objective.ts";
import { meanOverUnits, pairLogProbabilities, pairLogRatios, pairMetrics, scaled } from "./preferences/pair-unit.ts";

/** A loss of the margin between two rewards, [U] → [U]; ε is the share of labels that are thought to be wrong. */
type MarginLoss = (b: GraphBuilder, margin: Value, epsilon: number) => Value;

/** −(1−ε) log σ(m) − ε log σ(−m): DPO (Rafailov et al. 2023), and with ε > 0 its conservative form (Mitchell 2023). */
const sigmoid: MarginLoss = (b, margin, epsilon) => {
  const right = b.neg(logSigmoid(b, margin));
  if (epsilon === 0) return right;
  return b.sub(b.mul(right, 1 - epsilon), b.mul(logSigmoid(b, b.neg(margin)), epsilon));
};

/** The losses of `loss_type`, by name. */
const LOSSES: Readonly<Record<DpoLoss, MarginLoss>> = {
  sigmoid,
  /** max(0, 1 − m), as in SLiC (Zhao et al. 2023). */
  hinge: (b, margin) => b.relu(b.sub(1, margin)),
  /** (−(1−ε) log σ(m) + ε log σ(−m)) / (1 − 2ε): without bias where a share ε of the labels is flipped (Chowdhury et al. 2024). */
  robust: (b, margin, epsilon) => {
    const right = b.mul(logSigmoid(b, margin), -(1 - epsilon));
    return b.div(b.add(right, b.mul(logSigmoid(b, b.neg(margin)), epsilon)), 1 - 2 * epsilon);
  },
};

/**
 * Direct preference optimisation: a loss of β[(π_c − ref_c) − (π_r − ref_r)], with log-probabilities summed over the completion
 * and its end, meaned over the step's pairs. Several losses are added with their weights.
 */
export const dpo: Objective<SettingsOf<"dpo">> = pairObjective({
  reference: "base",
  learningRate: 0.05,
  loss(context, settings) {
    const { b } = context;
    const { loss_type, loss_weights, label_smoothing } = settings.hyperparameters;
    const rewards = scaled(context, pairLogRatios(context), betaOf("dpo", settings));
    const margin = b.sub(rewards.chosen, rewards.rejected);
    const losses = [loss_type].flat().map((type, i) => {
      return b.mul(LOSSES[type](b, margin, label_smoothing), loss_weights?.[i] ?? 1);
    });
    return {
      loss: meanOverUnits(context, losses.reduce(b.add)),
      metrics: pairMetrics(context, { rewards, logps: pairLogProbabilities(context) }),
    };
  },
});
