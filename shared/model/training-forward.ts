import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { f32 } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { forward, head, type LinearRewrite, weightInputs } from "./forward.ts";
import { weightSpecs } from "./modules.ts";
import { ropeTables } from "./rope.ts";

/** The size of a training batch: B rows of T tokens. */
export interface BatchShape {
  readonly rows: number;
  readonly tokens: number;
}

/** Added to the score of a token that must not be seen; its softmax is exactly 0 in float32, yet a row of them is finite. */
const UNSEEN = -1e9;

/**
 * Builds the forward pass over whole rows into `b`. Adds the inputs `tokens` [B, T] i64, `positions` [B, T] i64 and
 * `segments` [B, T] i32 (a token sees earlier tokens of its own segment only, so that packed examples stay apart) and one
 * input per weight; gives the logits [B, T, V] and the weights by name.
 */
export function trainingForward(
  b: GraphBuilder,
  config: ModelConfig,
  { rows, tokens: length }: BatchShape,
  rewrite?: LinearRewrite,
): { logits: Value; weight: (name: string) => Value } {
  const { heads, kvHeads, headDim } = config;
  const tokens = b.input("tokens", "i64", [rows, length]);
  const positions = b.input("positions", "i64", [rows, length]);
  const segments = b.input("segments", "i32", [rows, length]);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape }) => [name, shape])));

  const tables = ropeTables(config, length);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const sameSegment = b.equal(b.reshape(segments, [rows, 1, length, 1]), b.reshape(segments, [rows, 1, 1, length]));
  const bias = b.where(sameSegment, b.constant(causalBias(length)), UNSEEN);

  const attend = (_layer: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) => b.transpose(b.reshape(x, [rows, length, count, headDim]), [0, 2, 1, 3]);
    const query = b.mul(b.rope(split(q, heads), positions, rope), 1 / Math.sqrt(headDim));
    const key = b.rope(split(k, kvHeads), positions, rope);
    // The query heads that share a key head are laid end to end, so that keys and values are never repeated.
    const grouped = b.reshape(query, [rows, kvHeads, (heads / kvHeads) * length, headDim]);
    const scores = b.reshape(b.matmul(grouped, key, { transB: true }), [rows, heads, length, length]);
    const weights = b.reshape(b.softmax(b.add(scores, bias)), [rows, kvHeads, (heads / kvHeads) * length, length]);
    const mixed = b.reshape(b.matmul(weights, split(v, kvHeads)), [rows, heads, length, headDim]);
    return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [rows, length, heads * headDim]);
  };

  const hidden = forward({ b, config, tokens, weight, attend, ...(rewrite === undefined ? {} : { rewrite }) });
  return { logits: head({ b, config, weight }, hidden), weight };
}

/** [T, T]: 0 where the column is not after the row, `UNSEEN` where it is. */
function causalBias(length: number) {
  const bias = new Float32Array(length * length);
  for (let row = 0; row < length; row++) bias.fill(UNSEEN, row * length + row + 1, (row + 1) * length);
  return f32([length, length], bias);
}
