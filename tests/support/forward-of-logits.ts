import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";
import type { LossContextOptions } from "../../trainer/recipes/loss-context.ts";

/** A model whose logits [B, T, V] are given, and whose last states are `hidden`, for losses alone. */
export function forwardOfLogits(
  b: GraphBuilder,
  logits: Value,
  hidden: Value = logits,
): Pick<LossContextOptions, "forward" | "head"> {
  const [rows, tokens, vocabulary] = logits.shape as [number, number, number];
  const flat = () => b.reshape(logits, [rows * tokens, vocabulary]);
  return {
    forward: {
      ...{ shape: { rows, tokens }, logits, headMatrix: undefined },
      head: () => logits,
      weight: () => logits,
      tap: () => hidden,
    },
    head: { vocabulary, logits: (_, at) => b.reshape(b.gather(flat(), at), [1, at.shape[0]!, vocabulary]) },
  };
}
