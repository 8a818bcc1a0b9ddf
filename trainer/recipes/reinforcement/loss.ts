/** What the losses of reinforcement share, as parts of a micro-batch's graph. */
import type { Value } from "../../../shared/graph/graph.ts";
import type { UnitForm } from "../../data/units.ts";
import type { GraphMetric, GraphMetrics } from "../../loop/metrics.ts";
import type { LossContext } from "../loss-context.ts";
import { klGraph } from "./kl.ts";
import { clipRange, type ReinforcementSettings } from "./settings.ts";

/**
 * A unit is a reply. Per reply token: its advantage, its log-probability at sampling and under the reference, and the phase's
 * coefficient of the divergence.
 */
export const PHASE_COLUMNS = {
  advantage: "token",
  old: "token",
  reference: "token",
  beta: "token",
} as const satisfies UnitForm["columns"];

/** Besides, with values: the value before each token at sampling, and the return that it is held to. */
export const VALUE_COLUMNS = { value: "token", return: "token" } as const satisfies UnitForm["columns"];

/** What a loss reads of the policy: log π and the entropy at the temperature of sampling, which the head gives together. */
function policyScores(context: LossContext, { hyperparameters }: ReinforcementSettings) {
  const { temperature, entropy_coef: coefficient } = hyperparameters;
  return context.scores({ temperature, entropy: coefficient > 0 ? "trained" : "measured" });
}

/** −Σ p log p of what may follow, [B, T], at the temperature of sampling; 0 where nothing is trained. */
export function policyEntropy(context: LossContext, settings: ReinforcementSettings): Value {
  return policyScores(context, settings).entropy!;
}

/** Σ x / N over the step's N reply tokens, for x [B, T] that is 0 elsewhere: this micro-batch's part. */
export function meanOverTokens({ b, targets }: LossContext, x: Value): Value {
  const { weights, total } = targets();
  return b.div(b.reduceSum(b.mul(x, weights), [0, 1]), total);
}

/** The mean of a [U, 1] value over the step's replies: this micro-batch's part. */
export function meanOverReplies(context: LossContext, x: Value): Value {
  const { b } = context;
  return b.div(b.reduceSum(b.mul(x, context.present()), [0, 1]), context.totalUnits());
}

/** min(max(x, low), high) */
export function clipped({ b }: LossContext, x: Value, { low, high }: { low: number; high: number }): Value {
  return b.min(b.max(x, low), high);
}

export interface PolicyTerms {
  /** [B, T] */
  readonly logProbabilities: Value;
  /** log π − log π_old, [B, T] */
  readonly change: Value;
  /** π / π_old, [B, T]; 1 where nothing is trained. */
  readonly ratio: Value;
  /** max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε_high)), [B, T] (Schulman et al. 2017). */
  readonly clippedLoss: Value;
}

export function policyTerms(context: LossContext, settings: ReinforcementSettings): PolicyTerms {
  const { b } = context;
  const { logProbabilities } = policyScores(context, settings);
  const change = b.sub(logProbabilities, context.column("old"));
  const ratio = b.exp(change);
  const against = b.neg(context.column("advantage"));
  const clippedLoss = b.max(b.mul(against, ratio), b.mul(against, clipped(context, ratio, clipRange(settings))));
  return { logProbabilities, change, ratio, clippedLoss };
}

/**
 * What is added to a loss per token, [B, T]: β · KL(π ‖ reference) where the divergence is in the loss, less c · H for the entropy
 * bonus, H being `entropy`. undefined for neither.
 */
export function addedLoss(
  context: LossContext,
  { logProbabilities, entropy }: { readonly logProbabilities: Value; readonly entropy: Value },
  { hyperparameters: { kl_in, kl_estimator, beta, entropy_coef } }: ReinforcementSettings,
): Value | undefined {
  const { b } = context;
  const d = b.sub(logProbabilities, context.column("reference"));
  // β comes with the phase, since it may be adapted.
  const kl = kl_in === "loss" && beta > 0 ? b.mul(klGraph(b, d, kl_estimator), context.column("beta")) : undefined;
  const bonus = entropy_coef > 0 ? b.mul(entropy, -entropy_coef) : undefined;
  return kl === undefined || bonus === undefined ? (kl ?? bonus) : b.add(kl, bonus);
}

/** Metrics under the names of trl's GRPO and RLOO trainers; `ratio` and `advantage` have one shape, and `mean` takes it. */
export function clipMetrics(
  context: LossContext,
  { ratio, advantage, mean }: { readonly ratio: Value; readonly advantage: Value; readonly mean: (x: Value) => Value },
  settings: ReinforcementSettings,
): GraphMetrics {
  const { b } = context;
  const { low, high } = clipRange(settings);
  const both = (x: Value, y: Value) => b.mul(b.cast(x, "f32"), b.cast(y, "f32"));
  const isLow = both(b.greater(low, ratio), b.greater(0, advantage));
  const isHigh = both(b.greater(ratio, high), b.greater(advantage, 0));
  const metric = (x: Value): GraphMetric => ({ value: mean(x), kind: "sum" });
  return {
    "clip_ratio/low_mean": metric(isLow),
    "clip_ratio/high_mean": metric(isHigh),
    "clip_ratio/region_mean": metric(b.add(isLow, isHigh)),
  };
}
