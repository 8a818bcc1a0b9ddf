import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { f32, zeros } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { forward, head, weightInputs } from "./forward.ts";
import { EMBEDDING, HEAD, HEAD_PATH, weightSpecs } from "./modules.ts";
import type { ModelRewrite } from "./rewrite.ts";
import { ropeTables } from "./rope.ts";
import { createTaps, type Taps } from "./taps.ts";

/** The size of a training batch: B rows of T tokens. */
export interface BatchShape {
  readonly rows: number;
  readonly tokens: number;
}

export interface TrainingForwardOptions {
  /** An adapter's changes, given the positions [B, T] of the tokens and the weights by name. */
  readonly rewrite?: (positions: Value, weight: (name: string) => Value) => ModelRewrite;
  /** How many positions the rewrite's prefix takes, before the text's; 0 by default. */
  readonly prefixTokens?: number;
  /** Segments branch behind what their examples share: adds the input `branches`. */
  readonly branches?: boolean;
}

/** Added to the score of a token that must not be seen; its softmax is exactly 0 in float32, yet a row of them is finite. */
const UNSEEN = -1e9;

export interface TrainingForward {
  readonly shape: BatchShape;
  /** [B, T, V]: added to the graph where it is read. */
  readonly logits: Value;
  /** Logits [..., V] of hidden states [..., D] as the tap `final` has them. */
  readonly head: (x: Value) => Value;
  /** The head's matrix [V, D], where the logits are its product with the states and no adapter changes that. */
  readonly headMatrix: Value | undefined;
  /** The weight of that name; an input of the graph from its first use on. */
  readonly weight: (name: string) => Value;
  /** The hidden state of that name at every token, as taps.ts lists them. The graph is the same whether or not it is read. */
  readonly tap: Taps["value"];
}

/**
 * Builds the forward pass over whole rows into `b`. Adds the inputs `tokens` [B, T] i64, `positions` [B, T] i64 and
 * `segments` [B, T] i32 (a token sees earlier tokens of its own segment only, so that packed examples stay apart) and
 * one input per weight. Every token of every segment sees the prefix. With `branches` [B, T] i32, a token sees of its segment
 * only what is shared (0) and its own branch.
 */
export function trainingForward(
  b: GraphBuilder,
  config: ModelConfig,
  { rows, tokens: length }: BatchShape,
  { rewrite: rewriteAt, prefixTokens = 0, branches = false }: TrainingForwardOptions = {},
): TrainingForward {
  const { heads, kvHeads, headDim } = config;
  const tokens = b.input("tokens", "i64", [rows, length]);
  const positions = b.input("positions", "i64", [rows, length]);
  const segments = b.input("segments", "i32", [rows, length]);
  const weight = weightInputs(b, new Map(weightSpecs(config).map(({ name, shape }) => [name, shape])));
  const rewrite = rewriteAt?.(positions, weight) ?? {};

  const tables = ropeTables(config, prefixTokens + length);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const angles = prefixTokens === 0 ? positions : b.add(positions, b.scalar(prefixTokens, "i64"));
  const ofQueries = (x: Value) => b.reshape(x, [rows, 1, length, 1]);
  const ofKeys = (x: Value) => b.reshape(x, [rows, 1, 1, length]);
  const inRow = b.constant(causalBias(length));
  const inBranch = branches ? branchBias(b, b.input("branches", "i32", [rows, length])) : inRow;
  const ownBias = b.where(b.equal(ofQueries(segments), ofKeys(segments)), inBranch, UNSEEN);

  /** [B, 1, T, T]: the causal bias where the key is shared or of the query's branch, else `UNSEEN`. */
  function branchBias(b: GraphBuilder, branch: Value): Value {
    const isShared = b.equal(ofKeys(branch), b.scalar(0, "i32"));
    const isOwn = b.equal(ofQueries(branch), ofKeys(branch));
    return b.where(isOwn, inRow, b.where(isShared, inRow, UNSEEN));
  }
  const bias = prefixTokens === 0 ? ownBias : b.pad(ownBias, 3, prefixTokens, 0);
  const seen = prefixTokens + length;

  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) => b.transpose(b.reshape(x, [rows, length, count, headDim]), [0, 2, 1, 3]);
    const prefix = rewrite.prefix?.(layer);
    /** [B, K, T, P] → [B, K, n + T, P] */
    const after = (first: Value | undefined, x: Value): Value => {
      if (first === undefined) return x;
      const ofHeads = b.transpose(b.reshape(first, [1, prefixTokens, kvHeads, headDim]), [0, 2, 1, 3]);
      return b.concat([b.expand(ofHeads, [rows, kvHeads, prefixTokens, headDim]), x], 2);
    };
    const query = b.mul(b.rope(split(q, heads), angles, rope), 1 / Math.sqrt(headDim));
    const key = after(prefix?.key, b.rope(split(k, kvHeads), angles, rope));
    // The query heads that share a key head are laid end to end, so that keys and values are never repeated.
    const grouped = b.reshape(query, [rows, kvHeads, (heads / kvHeads) * length, headDim]);
    const scores = b.reshape(b.matmul(grouped, key, { transB: true }), [rows, heads, length, seen]);
    const weights = b.reshape(b.softmax(b.add(scores, bias)), [rows, kvHeads, (heads / kvHeads) * length, seen]);
    const values = after(prefix?.value, split(v, kvHeads));
    const mixed = b.reshape(b.matmul(weights, values), [rows, heads, length, headDim]);
    return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [rows, length, heads * headDim]);
  };

  const taps = createTaps(config);
  const hidden = forward({ b, config, tokens, weight, attend, rewrite, tap: taps.record });
  const ofHead = (x: Value) => head({ b, config, weight, rewrite }, x);
  let logits: Value | undefined;
  return {
    shape: { rows, tokens: length },
    get logits() {
      logits ??= ofHead(hidden);
      return logits;
    },
    head: ofHead,
    headMatrix: isAdapted(b, config, rewrite) ? undefined : weight(config.tied ? EMBEDDING : HEAD),
    weight,
    tap: taps.value,
  };
}

/** Whether a rewrite changes what the head computes. What it emits to say so is read by nothing. */
function isAdapted(b: GraphBuilder, { hiddenSize, vocabSize }: ModelConfig, { linear }: ModelRewrite): boolean {
  if (linear === undefined) return false;
  const state = b.constant(zeros([1, 1, hiddenSize]));
  const product = () => b.constant(zeros([1, 1, vocabSize]));
  const site = {
    path: HEAD_PATH,
    x: state,
    multiply: product,
    get product() {
      return product();
    },
  };
  const { scale, added = [] } = linear(site);
  return scale !== undefined || added.length > 0;
}

/** [T, T]: 0 where the column is not after the row, `UNSEEN` where it is. */
function causalBias(length: number) {
  const bias = new Float32Array(length * length);
  for (let row = 0; row < length; row++) bias.fill(UNSEEN, row * length + row + 1, (row + 1) * length);
  return f32([length, length], bias);
}
