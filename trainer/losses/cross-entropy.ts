import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";

/**
 * Σ weightₜ · −log p(targetₜ) / total, over every token of the batch. Adds the inputs `targets` [B, T] i64 (already
 * shifted: the token that follows), `weights` [B, T] f32 (0 where a token is not trained on) and `total` [] f32.
 *
 * `total` is the number of trained tokens of the whole optimiser step, so that the micro-batches of a step add up to
 * what one large batch gives, however unevenly their labels are spread; `share` is how much of them this batch holds.
 */
export function crossEntropy(b: GraphBuilder, logits: Value): { loss: Value; share: Value } {
  const [rows, tokens, vocabulary] = logits.shape as [number, number, number];
  const targets = b.input("targets", "i64", [rows, tokens]);
  const weights = b.input("weights", "f32", [rows, tokens]);
  const total = b.input("total", "f32", []);
  const logProbabilities = b.logSoftmax(b.reshape(logits, [rows * tokens, vocabulary]));
  const picked = b.gatherElements(logProbabilities, b.reshape(targets, [rows * tokens, 1]));
  const weighted = b.mul(picked, b.reshape(weights, [rows * tokens, 1]));
  return {
    loss: b.neg(b.div(b.reduceSum(weighted, [0, 1]), total)),
    share: b.div(b.reduceSum(weights, [0, 1]), total),
  };
}
