/**
 * The graphs that generate text while a model is being trained: the method's forward pass, with the method's parameters
 * as inputs. They read the keys and values of earlier positions from a cache and output those of new positions, to be
 * appended to it.
 */
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { Graph, Value } from "../../shared/graph/graph.ts";
import type { Shape } from "../../shared/graph/value-type.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { cacheNames } from "../../shared/model/decode-graph.ts";
import { forward, head } from "../../shared/model/forward.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import type { ModelRewrite } from "../../shared/model/rewrite.ts";
import { ropeTables } from "../../shared/model/rope.ts";
import type { AttachedMethod, RewriteContext } from "../../shared/peft/method.ts";
import type { DType } from "../../shared/tensor.ts";

export interface GenerationGraphOptions {
  readonly config: ModelConfig;
  readonly method: AttachedMethod;
  /** The longest sequence, in positions of the cache. */
  readonly capacity: number;
}

/**
 * The next T tokens of B sequences, after any number of positions that are cached.
 *
 * Inputs: `tokens` [batch, seq] i64; `positions` [batch, seq] i64, counted from the first placeholder of virtual tokens;
 * `past_bias` [batch, 1, 1, 1, cached] and `own_bias` [seq, seq], which are added to the scores of the cached positions and of
 * the new ones; `pick` [batch, 1, seq], 1 where the logits are wanted and 0 elsewhere; every layer's cache
 * [batch, K, cached, P], whose keys are rotated already; the weights, and what the method adds to them.
 * Outputs: `logits` [batch, V]; the new keys, rotated, and values of every layer, [batch, K, seq, P].
 *
 * The attention is that of the training graph, with the sums over cached and new positions taken apart: no operator here writes
 * into the cache, so that it need not be an output, which an executor might copy.
 */
export function generationGraph({ config, method, capacity }: GenerationGraphOptions): Graph {
  const b = new GraphBuilder("generation");
  const { heads, kvHeads, headDim, hiddenSize, vocabSize } = config;
  const group = heads / kvHeads;
  const tokens = b.input("tokens", "i64", ["batch", "seq"]);
  const positions = b.input("positions", "i64", ["batch", "seq"]);
  const pastBias = b.input("past_bias", "f32", ["batch", 1, 1, 1, "cached"]);
  const ownBias = b.input("own_bias", "f32", ["seq", "seq"]);
  const pick = b.input("pick", "f32", ["batch", 1, "seq"]);
  const { input, rewrite } = rewritten(b, { config, method, positions });

  const tables = ropeTables(config, capacity);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const { prefixTokens = 0 } = method;
  const angles = prefixTokens === 0 ? positions : b.add(positions, b.scalar(prefixTokens, "i64"));
  const outputs: Record<string, Value> = {};

  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) =>
      b.transpose(b.reshape(x, ["batch", "seq", count, headDim]), [0, 2, 1, 3]);
    /** [B, K, n, P] → [B, K, 1, n, P], for the query heads that share it. */
    const shared = (x: Value) => b.reshape(x, ["batch", kvHeads, 1, x.shape[2]!, headDim]);
    const names = cacheNames(layer);
    const [ownKey, ownValue] = [b.rope(split(k, kvHeads), angles, rope), split(v, kvHeads)];
    outputs[names.nextKey] = ownKey;
    outputs[names.nextValue] = ownValue;
    const cache = ["batch", kvHeads, "cached", headDim];
    const [pastKey, pastValue] = [b.input(names.key, "f32", cache), b.input(names.value, "f32", cache)];

    const scaled = b.mul(b.rope(split(q, heads), angles, rope), 1 / Math.sqrt(headDim));
    const query = b.reshape(scaled, ["batch", kvHeads, group, "seq", headDim]);
    const scores = (key: Value, bias: Value) => b.add(b.matmul(query, shared(key), { transB: true }), bias);
    const [past, own] = [scores(pastKey, pastBias), scores(ownKey, ownBias)];
    const highest = b.max(b.reduceMax(past, [4], true), b.reduceMax(own, [4], true));
    const [pastWeights, ownWeights] = [past, own].map((x) => b.exp(b.sub(x, highest))) as [Value, Value];
    const total = b.add(b.reduceSum(pastWeights, [4], true), b.reduceSum(ownWeights, [4], true));
    const mixed = b.add(b.matmul(pastWeights, shared(pastValue)), b.matmul(ownWeights, shared(ownValue)));
    const y = b.transpose(b.div(mixed, total), [0, 3, 1, 2, 4]);
    return b.reshape(y, ["batch", "seq", heads * headDim]);
  };

  const hidden = forward({ b, config, tokens, weight: input, attend, rewrite });
  // A product with ones and zeros copies the picked row exactly.
  const picked = b.reshape(b.matmul(pick, hidden), ["batch", 1, hiddenSize]);
  outputs.logits = b.reshape(head({ b, config, weight: input, rewrite }, picked), ["batch", vocabSize]);
  return b.build(outputs);
}

/** A method's prefix as the keys and values of a cache's first positions: [1, K, n, P] for every layer. */
export function prefixGraph({ config, method }: Omit<GenerationGraphOptions, "capacity">): Graph {
  const b = new GraphBuilder("prefix");
  const { layers, kvHeads, headDim } = config;
  const { prefixTokens: count = 0 } = method;
  // A prefix never depends on the text after it.
  const { rewrite } = rewritten(b, { config, method, positions: b.scalar(0, "i64") });
  const outputs: Record<string, Value> = {};
  for (let layer = 0; layer < layers; layer++) {
    const { key, value } = rewrite.prefix!(layer);
    const ofHeads = (x: Value) => b.transpose(b.reshape(x, [1, count, kvHeads, headDim]), [0, 2, 1, 3]);
    const names = cacheNames(layer);
    outputs[names.nextKey] = ofHeads(key);
    outputs[names.nextValue] = ofHeads(value);
  }
  return b.build(outputs);
}

/** The method's rewrite of the forward pass, and the graph's inputs by name: weights, parameters, frozen tensors. */
function rewritten(
  b: GraphBuilder,
  { config, method, positions }: { config: ModelConfig; method: AttachedMethod; positions: Value },
): { input: (name: string) => Value; rewrite: ModelRewrite } {
  const types = new Map<string, { readonly dtype: DType; readonly shape: Shape }>();
  for (const { name, shape } of weightSpecs(config)) types.set(name, { dtype: "f32", shape });
  for (const { name, shape } of method.parameters) types.set(name, { dtype: "f32", shape });
  for (const [name, { dtype, shape }] of method.frozen ?? []) types.set(name, { dtype, shape });
  const made = new Map<string, Value>();
  const input = (name: string): Value => {
    const { dtype, shape } = types.get(name)!;
    const value = made.get(name) ?? b.input(name, dtype, shape);
    made.set(name, value);
    return value;
  };
  const context: RewriteContext = {
    ...{ b, config, positions },
    parameter: input,
    weight: input,
    // No dropout outside training.
    random: input,
    training: false,
  };
  return { input, rewrite: method.rewrite?.(context) ?? {} };
}
