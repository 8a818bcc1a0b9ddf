import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import { forward, head, weightInputs } from "./forward.ts";
import { linearModules, weightName, weightSpecs } from "./modules.ts";
import { ropeTables } from "./rope.ts";
import { NO_FEATURES, type ServingFeatures, servingRewrite } from "./serving-rewrite.ts";
import { createTaps, tapWidth } from "./taps.ts";

/** The names of one layer's cache, as an input and as an output of the graph. */
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
  /** Hidden states that become outputs, by the names of taps.ts, in any order. */
  readonly taps?: readonly string[];
  /** Whether taps are output at every position, [batch, seq, width], instead of at the last one. */
  readonly wholeTaps?: boolean;
  /** Layers, counted from 0, after which the head's logits become an output too, in any order; −1: after the embedding. */
  readonly exits?: readonly number[];
  /**
   * Whether every row is multiplied by the linear layers' weights on its own. Their inputs are then [1, 1, in, out]: rows stay
   * apart where the weights have more axes, and one row's product needs none of the copying that a product of several
   * begins with. For 2 to 8 rows it is the faster way where a matrix stays in the processor's cache from row to row.
   */
  readonly apart?: boolean;
  /** Takes candidates for the next token of one row instead of a step or a chunk. */
  readonly probe?: boolean;
  /** Whether the head's input and its logits are output at every position of a chunk too; not of a probe, which has them. */
  readonly each?: boolean;
}

/** The name of a tap's output. */
export const tapOutput = (name: string) => `tap.${name}`;
/** The name of an early exit's output. */
export const exitOutput = (layer: number) => `exit.${layer}`;
/** The tap of the residual stream that an early exit leaves from. */
export const exitTap = (layer: number) => (layer < 0 ? "embedding" : `layers.${layer}`);
const ascending = (layers: readonly number[]): number[] => [...new Set(layers)].sort((a, b) => a - b);
const inOrder = (taps: readonly string[]): string[] => [...new Set(taps)].sort();

/**
 * One decoding step of B rows, or one chunk of T prompt tokens of one row.
 *
 * Inputs: `embedded` [batch, seq, D], the embeddings of the tokens, which the host looks up, because a row may have its
 * own; `last` [batch] i32, the index of each row's last token; `longest` [] i32, the longest row's length; every weight
 * that the rest of the model needs, in the layout of `weightSpecs`; every layer's cache [batch, K, C, W]; what
 * `servingRewrite` takes. Outputs: `logits` [batch, V] of the last token; `final` [batch, D], the head's input;
 * `tapOutput` of every tap [batch, width], also of the last token, or of all with `wholeTaps`; `exitOutput` of every exit [batch, V]: the head on the
 * residual stream after that layer, without the last norm, as DoLa has it; the caches, which must share the memory of the input
 * caches.
 *
 * A probe takes T candidates for one position of one row as if they were a chunk: the cache has them behind each other from
 * that position on, and two more inputs put them all at that position and keep them from seeing each other: `positions`
 * [batch, seq] i64, and `bias` [1, 1, seq, longest], which is added to the scores of attention. It gives `logits`, `final` and the
 * taps of every candidate, [batch, seq, …].
 *
 * With `each`, a chunk has two more outputs, `finals` [batch, seq, D] and `each` [batch, seq, V], for its tokens to be scored. All
 * other outputs keep their bits: a prompt that is scored gives the same caches, and is followed by the same text, as one that is not.
 *
 * Everything that differs between tenants is an input, so one session serves all of them. Throws `invalid_graph`, naming the
 * known taps, for an unknown one.
 */
export function decodeGraph(config: ModelConfig, options: DecodeGraphOptions): Graph {
  const {
    capacity,
    features = NO_FEATURES,
    taps = [],
    wholeTaps = false,
    exits = [],
    probe = false,
    apart = false,
    each = false,
  } = options;
  const b = new GraphBuilder(decodeGraphName(features, options));
  const { heads, kvHeads, headDim, hiddenSize } = config;
  const embedded = b.input("embedded", "f32", ["batch", "seq", hiddenSize]);
  const last = b.input("last", "i32", ["batch"]);
  const longest = b.input("longest", "i32", []);
  const candidates = probe
    ? [b.input("positions", "i64", ["batch", "seq"]), b.input("bias", "f32", [1, 1, "seq", "longest"])]
    : [];
  const linears = new Set(linearModules(config).map(({ path }) => weightName(path)));
  const shapes = weightSpecs(config).map(({ name, shape }) => {
    return [name, apart && linears.has(name) ? [1, 1, ...shape] : shape] as const;
  });
  const weight = weightInputs(b, new Map(shapes));
  const width = cacheWidth(config);
  const tables = ropeTables(config, capacity);
  const cos = padAngles(b, b.constant(tables.cos), [headDim, width]);
  const sin = padAngles(b, b.constant(tables.sin), [headDim, width]);
  // The kernel divides scores by √W instead of √P.
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
      ...candidates,
    ];
    const [y, key, value] = b.emit("groupQueryAttention", inputs, { heads, kvHeads }) as [Value, Value, Value];
    outputs[names.nextKey] = key;
    outputs[names.nextValue] = value;
    return resizeHeads(b, y, heads, [width, headDim]);
  };

  const product = (path: string, x: Value) => {
    const y = b.matmul(x, weight(weightName(path)));
    return b.reshape(y, y.shape.slice(1));
  };
  const rewrite = { ...servingRewrite(b, config, features), ...(apart ? { product } : {}) };
  const { record, value } = createTaps(config);
  const hidden = forward({ b, config, tokens: embedded, weight, attend, rewrite, tap: record });
  /** [batch, seq, width] → the part that is output. */
  const given = (x: Value, size: number) => (probe ? x : b.reshape(b.slice(x, 1, -1), ["batch", size]));
  const final = given(hidden, hiddenSize);
  for (const name of inOrder(taps)) {
    const whole = value(name);
    if (wholeTaps) outputs[tapOutput(name)] = whole;
    else outputs[tapOutput(name)] = name === "final" ? final : given(whole, tapWidth(config, name));
  }
  for (const layer of ascending(exits)) {
    outputs[exitOutput(layer)] = head({ b, config, weight }, given(value(exitTap(layer)), hiddenSize));
  }
  outputs.final = final;
  outputs.logits = head({ b, config, weight }, final);
  if (each) {
    outputs.finals = hidden;
    outputs.each = head({ b, config, weight }, hidden);
  }
  return b.build(outputs);
}

/** Such as `decode-bank-factors-vectors` or `probe-taps-layers.0`; equal for equal graphs of a model. */
export function decodeGraphName(
  { layout, factors, vectors, bottlenecks }: ServingFeatures,
  {
    taps = [],
    exits = [],
    probe = false,
    apart = false,
    each = false,
  }: Pick<DecodeGraphOptions, "taps" | "exits" | "probe" | "apart" | "each"> = {},
): string {
  const hasBottlenecks = bottlenecks !== "none";
  const parts = [
    apart ? "apart" : "",
    each ? "each" : "",
    factors || hasBottlenecks ? layout : "",
    factors ? "factors" : "",
    vectors ? "vectors" : "",
    hasBottlenecks ? `bottlenecks-${bottlenecks}` : "",
    taps.length === 0 ? "" : `taps-${inOrder(taps).join("+")}`,
    exits.length === 0 ? "" : `exits-${ascending(exits).join("+")}`,
  ];
  return [probe ? "probe" : "decode", ...parts.filter((part) => part !== "")].join("-");
}

type Resize = readonly [from: number, to: number];

/** [batch, seq, count·from] → [batch, seq, count·to]: zeros behind each half of every head, or removes them. */
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
