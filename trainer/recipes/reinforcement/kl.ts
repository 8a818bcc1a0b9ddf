/** Estimates of KL(π ‖ reference) from samples of π, per token (Schulman, "Approximating KL Divergence", 2020). */
import type { KlEstimator } from "../../../shared/api/reinforcement-methods.ts";
import type { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";

/** Of d = log π − log reference: k1 = d, k2 = d²/2, k3 = e^−d − 1 + d. */
export function klEstimate(d: number, estimator: KlEstimator): number {
  if (estimator === "k1") return d;
  return estimator === "k2" ? (d * d) / 2 : Math.exp(-d) - 1 + d;
}

/** The same in a graph, of any shape. */
export function klGraph(b: GraphBuilder, d: Value, estimator: KlEstimator): Value {
  if (estimator === "k1") return d;
  return estimator === "k2" ? b.mul(b.square(d), 0.5) : b.add(b.sub(b.exp(b.neg(d)), 1), d);
}
