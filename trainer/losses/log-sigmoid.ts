import type { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Value } from "../../shared/graph/graph.ts";

/**
 * log σ(x), of any shape: the log-probability that the first of a pair is preferred, x being their difference.
 *
 * Taken as the first of log softmax([x, 0]), which overflows nowhere and has the right gradient at 0, where pairs begin. The
 * usual min(x, 0) − log(1 + e^−|x|) has two kinks there that only cancel in the limit: its derivative at 0 is 0, not ½.
 */
export function logSigmoid(b: GraphBuilder, x: Value): Value {
  const column = [...x.shape, 1];
  const pairs = b.concat([b.reshape(x, column), b.mul(b.reshape(x, column), 0)], x.shape.length);
  return b.reshape(b.slice(b.logSoftmax(pairs), x.shape.length, 0, 1), x.shape);
}
