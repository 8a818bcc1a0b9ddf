/** A unit of two examples, the chosen completion and the rejected one, as the losses on pairs see it. */
import type { Value } from "../../../shared/graph/graph.ts";
import type { GraphMetric, GraphMetrics } from "../../loop/metrics.ts";
import type { LossContext } from "../loss-context.ts";
import { REFERENCE } from "../objective.ts";

/** Something of the chosen and of the rejected completions, [U] each; 0 where there is no unit. */
export interface OfPair {
  readonly chosen: Value;
  readonly rejected: Value;
}

/** log p of the completions, in float32, summed over their tokens. */
export function pairLogProbabilities(context: LossContext): OfPair {
  return sumsOfPair(context, context.logProbabilities());
}

/** log p of the completions less that of the reference, summed over their tokens. */
export function pairLogRatios(context: LossContext): OfPair {
  return sumsOfPair(context, context.b.sub(context.logProbabilities(), context.column(REFERENCE)));
}

/** Sums over completions, divided by their numbers of tokens. */
export function perToken(context: LossContext, sums: OfPair): OfPair {
  const { b } = context;
  const tokens = sumsOfPair(context, context.targets().weights);
  const divide = (sum: Value, count: Value) => b.div(sum, b.max(count, 1));
  return { chosen: divide(sums.chosen, tokens.chosen), rejected: divide(sums.rejected, tokens.rejected) };
}

/** What is added per token of a [B, T] value, for each side. */
function sumsOfPair(context: LossContext, perPosition: Value): OfPair {
  const { b } = context;
  const sums = context.sumOverExamples(perPosition);
  const side = (k: number) => b.reduceSum(b.slice(sums, 1, k, k + 1), [1]);
  return { chosen: side(0), rejected: side(1) };
}

/** The mean of a [U] value over the step's units: this micro-batch's part. */
export function meanOverUnits(context: LossContext, x: Value): Value {
  const { b } = context;
  return b.div(b.reduceSum(b.mul(x, context.presentUnits()), [0]), context.totalUnits());
}

/** A metric that is a mean over the step's units. */
export function unitMetric(context: LossContext, x: Value): GraphMetric {
  return { value: meanOverUnits(context, x), kind: "sum" };
}

/** The metrics of every loss on pairs, under trl's names. */
export function pairMetrics(
  context: LossContext,
  { rewards, logps }: { readonly rewards: OfPair; readonly logps: OfPair },
): GraphMetrics {
  const { b } = context;
  const metric = (x: Value) => unitMetric(context, x);
  return {
    "rewards/chosen": metric(rewards.chosen),
    "rewards/rejected": metric(rewards.rejected),
    "rewards/margins": metric(b.sub(rewards.chosen, rewards.rejected)),
    "rewards/accuracies": metric(b.cast(b.greater(rewards.chosen, rewards.rejected), "f32")),
    "logps/chosen": metric(logps.chosen),
    "logps/rejected": metric(logps.rejected),
  };
}

/** β times both sides. */
export function scaled({ b }: LossContext, { chosen, rejected }: OfPair, beta: number): OfPair {
  return { chosen: b.mul(chosen, beta), rejected: b.mul(rejected, beta) };
}
