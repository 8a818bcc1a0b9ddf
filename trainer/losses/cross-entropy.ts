import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";

/** The targets of a micro-batch of B rows of T tokens. */
export interface Targets {
  /** [B, T] i64, already shifted: the token that follows. */
  readonly targets: Value;
  /** [B, T] f32, 0 where a token is not trained. */
  readonly weights: Value;
  /** [] f32, the trained tokens of the whole optimizer step. */
  readonly total: Value;
}

/** Adds the inputs `targets`, `weights` and `total`. */
export function targetInputs(b: GraphBuilder, rows: number, tokens: number): Targets {
  return {
    targets: b.input("targets", "i64", [rows, tokens]),
    weights: b.input("weights", "f32", [rows, tokens]),
    total: b.input("total", "f32", []),
  };
}

/**
 * Σ weightₜ · −log p(targetₜ) / total, over every token of the batch, for logits [B, T, V]. Adds the inputs of `targetInputs`
 * unless they are given.
 *
 * `total` is the number of trained tokens of the whole optimizer step, so that the micro-batches of a step add up to
 * what one large batch gives, however unevenly their labels are spread.
 */
export function crossEntropy(b: GraphBuilder, logits: Value, inputs = inputsFor(b, logits)): Value {
  return b.neg(b.div(b.reduceSum(weightedLogProbabilities(b, logits, inputs), [0, 1]), inputs.total));
}

/** [B·T, 1] */
function weightedLogProbabilities(b: GraphBuilder, logits: Value, { targets, weights }: Targets): Value {
  const [rows, tokens, vocabulary] = logits.shape as [number, number, number];
  const logProbabilities = b.logSoftmax(b.reshape(logits, [rows * tokens, vocabulary]));
  const picked = b.gatherElements(logProbabilities, b.reshape(targets, [rows * tokens, 1]));
  return b.mul(picked, b.reshape(weights, [rows * tokens, 1]));
}

function inputsFor(b: GraphBuilder, logits: Value): Targets {
  const [rows, tokens] = logits.shape as [number, number, number];
  return targetInputs(b, rows, tokens);
}
