import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { forward, head, weightInputs } from "./forward.ts";
import { weightSpecs } from "./modules.ts";
import { ropeTables } from "./rope.ts";
import { NO_FEATURES, type ServingFeatures, servingRewrite } from "./serving-rewrite.ts";

/** The names of one layer's cache, as the graph takes it and as it gives it back. */
export const cacheNames = (layer: number) => ({
  key: `past.${layer}.key`,
  value: `past.${layer}.value`,
  nextKey: `present.${layer}.key`,
  nextValue: `present.${layer}.value`,
});

/**
 * W: the width of a head in the cache. Attention kernels take multiples of 8; heads of another width are padded with zeros,
 * each half by itself, so that they are still rotated by halves.
 */
export function cacheWidth({ headDim }: ModelConfig): number {
  return headDim % 8 === 0 ? headDim : Math.ceil(headDim / 16) * 16;
}

export interface DecodeGraphOptions {
  /** C: the longest sequence that the cache holds. */
  readonly capacity: number;
  /** What the deltas of the batch need; the bare base when left out. */
  readonly features?: ServingFeatures;
}

/**
 * One decoding step of B rows, or one chunk of T prompt tokens of one row.
 *
 * Inputs: `embedded` [batch, seq, D], the embeddings of the tokens, which the host looks up, because a row may have its own;
 * `last` [batch] i32, the index of each row's last token; `longest` [] i32, the longest row's length; every weight that the
 * rest of the model needs, in the layout of `weightSpecs`; every layer's cache [batch, K, C, W]; what `servingRewrite` takes.
 * Outputs: `logits` [batch, V] of the last token; `final` [batch, D], what the head made them of; the caches, which must
 * share the memory of those that were given.
 *
 * Everything that differs between tenants is an input, so one session serves all of them.
 */
export function decodeGraph(config: ModelConfig, { capacity, features = NO_FEATURES }: DecodeGraphOptions): Graph {
  const b = new GraphBuilder(decodeGraphName(features));
  const { heads, kvHeads, headDim, hiddenSize } = config;
  const embedded = b.input("embedded", "f32", ["batch", "seq", hiddenSize]);
  const last = b.input("last", "i32", ["batch"]);
  const longest = b.input("longest", "i32", []);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape }) => [name, shape])));
  const width = cacheWidth(config);
  const tables = ropeTables(config, capacity);
  const cos = padAngles(b, b.constant(tables.cos), [headDim, width]);
  const sin = padAngles(b, b.constant(tables.sin), [headDim, width]);
  // The kernel divides scores by √W in place of √P.
  const scaled = (q: Value) => (width === headDim ? q : b.mul(q, Math.sqrt(width / headDim)));

  const outputs: Record<string, Value> = {};
  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const names = cacheNames(layer);
    const cache = ["batch", kvHeads, capacity, width];
    const inputs = [
      resizeHeads(b, scaled(q), heads, [headDim, width]),
      resizeHeads(b, k, kvHeads, [headDim, width]),
      resizeHeads(b, v, kvHeads, [headDim, width]),
      b.input(names.key, "f32", cache),
      b.input(names.value, "f32", cache),
      last,
      longest,
      cos,
      sin,
    ];
    const [y, key, value] = b.emit("groupQueryAttention", inputs, { heads, kvHeads }) as [Value, Value, Value];
    outputs[names.nextKey] = key;
    outputs[names.nextValue] = value;
    return resizeHeads(b, y, heads, [width, headDim]);
  };

  const rewrite = servingRewrite(b, config, features);
  const hidden = forward({ b, config, tokens: embedded, weight, attend, rewrite });
  const final = b.reshape(b.slice(hidden, 1, -1), ["batch", hiddenSize]);
  outputs.final = final;
  outputs.logits = head({ b, config, weight }, final);
  return b.build(outputs);
}

/** Such as `decode-bank-factors-vectors`; equal for graphs that are. */
export function decodeGraphName({ layout, factors, vectors, bottlenecks }: ServingFeatures): string {
  const hasBottlenecks = bottlenecks !== "none";
  const parts = [
    factors || hasBottlenecks ? layout : "",
    factors ? "factors" : "",
    vectors ? "vectors" : "",
    hasBottlenecks ? `bottlenecks-${bottlenecks}` : "",
  ];
  return ["decode", ...parts.filter((part) => part !== "")].join("-");
}

type Resize = readonly [from: number, to: number];

/** [batch, seq, count·from] → [batch, seq, count·to]: zeros behind each half of every head, or taken off again. */
function resizeHeads(b: GraphBuilder, x: Value, count: number, [from, to]: Resize): Value {
  if (from === to) return x;
  const halves = b.reshape(x, ["batch", "seq", 2 * count, from / 2]);
  const resized = from < to ? b.pad(halves, 3, 0, (to - from) / 2) : b.slice(halves, 3, 0, to / 2);
  return b.reshape(resized, ["batch", "seq", count * to]);
}

/** Angles of a rotary table [C, from/2] → [C, to/2]; what turns zeros does not matter. */
function padAngles(b: GraphBuilder, table: Value, [from, to]: Resize): Value {
  return from === to ? table : b.pad(table, 1, 0, (to - from) / 2);
}
