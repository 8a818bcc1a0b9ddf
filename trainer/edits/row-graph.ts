import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { forward, head, weightInputs } from "../../shared/model/forward.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import type { ModelRewrite } from "../../shared/model/rewrite.ts";
import { ropeTables } from "../../shared/model/rope.ts";
import { createTaps } from "../../shared/model/taps.ts";
import type { BatchShape } from "../../shared/model/training-forward.ts";
import { f32 } from "../../shared/tensor.ts";

/** Added to the score of a token that must not be seen; its softmax is exactly 0 in float32. */
export const UNSEEN = -1e9;

/** The forward pass over rows that each hold one text from their start. B rows, T tokens, D width, K key heads of width P. */
export interface RowPass {
  readonly b: GraphBuilder;
  /** The hidden state of that name, as taps.ts lists them. */
  readonly tap: (name: string) => Value;
  /** A layer's keys, rotated, and its values [B, K, T, P]. */
  readonly past: (layer: number) => { readonly key: Value; readonly value: Value };
  /** x [B, T, W] at one position of every row, those of the input `at` [B] i64, which count over all rows: [B, W]. */
  readonly atPositions: (x: Value) => Value;
  /** Log-probabilities [n, V] of what follows hidden states [n, D] of the tap `final`. */
  readonly logProbabilities: (final: Value) => Value;
}

export interface RowGraphOptions extends BatchShape {
  readonly config: ModelConfig;
  readonly rewrite?: (b: GraphBuilder) => ModelRewrite;
  /** Whether of the last layer nothing but the places `at` is read: its taps and `final` are [B, W] then. */
  readonly readsPlaces?: boolean;
}

/**
 * A graph over rows that are padded at their end, which no token before the padding sees. Inputs: `tokens` and `positions` [B, T]
 * i64, `at` [B] i64 and the weights.
 */
export function rowGraph(
  name: string,
  { config, rows, tokens: length, rewrite: rewriteOf, readsPlaces = false }: RowGraphOptions,
  outputs: (pass: RowPass) => Readonly<Record<string, Value>>,
): Graph {
  const b = new GraphBuilder(name);
  const { heads, kvHeads, headDim } = config;
  const tokens = b.input("tokens", "i64", [rows, length]);
  const positions = b.input("positions", "i64", [rows, length]);
  const at = b.input("at", "i64", [rows]);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name: own, shape }) => [own, shape])));
  const rewrite = rewriteOf?.(b) ?? {};
  const tables = ropeTables(config, length);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const bias = b.constant(causalBias(length));
  const pasts = new Map<number, { key: Value; value: Value }>();
  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) => b.transpose(b.reshape(x, [rows, length, count, headDim]), [0, 2, 1, 3]);
    const key = b.rope(split(k, kvHeads), positions, rope);
    const value = split(v, kvHeads);
    pasts.set(layer, { key, value });
    const query = b.mul(b.rope(split(q, heads), positions, rope), 1 / Math.sqrt(headDim));
    return attention(b, config, { query, key, value, bias });
  };
  const taps = createTaps(config);
  const atPositions = (x: Value) => b.gather(b.reshape(x, [rows * length, x.shape[2]!]), at);
  const narrowed = readsPlaces ? { read: atPositions } : {};
  forward({ b, config, tokens, weight, attend, rewrite, tap: taps.record, ...narrowed });
  return b.build(
    outputs({
      ...{ b, tap: taps.value, past: (layer) => pasts.get(layer)! },
      atPositions,
      logProbabilities: (final) => b.logSoftmax(head({ b, config, weight, rewrite }, final)),
    }),
  );
}

/** Attention over keys and values [B, K, S, P] of queries [B, H, T, P], already scaled: [B, T, H·P]. `bias` is added to the scores. */
export function attention(
  b: GraphBuilder,
  { heads, kvHeads, headDim }: ModelConfig,
  { query, key, value, bias }: { query: Value; key: Value; value: Value; bias: Value },
): Value {
  const [rows, , length] = query.shape as [number, number, number];
  const seen = key.shape[2]!;
  // The query heads that share a key head are laid end to end, so that keys and values are never repeated.
  const grouped = b.reshape(query, [rows, kvHeads, (heads / kvHeads) * length, headDim]);
  const scores = b.reshape(b.matmul(grouped, key, { transB: true }), [rows, heads, length, seen]);
  const weights = b.reshape(b.softmax(b.add(scores, bias)), [rows, kvHeads, (heads / kvHeads) * length, seen]);
  const mixed = b.reshape(b.matmul(weights, value), [rows, heads, length, headDim]);
  return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [rows, length, heads * headDim]);
}

function causalBias(length: number) {
  const bias = new Float32Array(length * length);
  for (let row = 0; row < length; row++) bias.fill(UNSEEN, row * length + row + 1, (row + 1) * length);
  return f32([length, length], bias);
}
