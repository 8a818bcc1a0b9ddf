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
  /** What logits are divided by; 1 by default. */
  readonly temperature?: number;
  /** For two or more tokens of a row at once: faster for many, wrong in the last bits for one; no by default. */
  readonly prefill?: boolean;
}

/**
 * The next T tokens of B sequences, after any number of positions that are cached.
 *
 * Inputs: `tokens` [batch, seq] i64; `positions` [batch, seq] i64, counted from the first placeholder of virtual tokens;
 * `bias` [batch, 1, seq, 1, cached], to prefill [batch, 1, 1, seq, cached], which is added to the scores of the cached positions; `pick` [batch, picks, seq], 1 where
 * the model's predictions are wanted and 0 elsewhere; every layer's cache [batch, K, cached, P], whose keys are rotated already;
 * the weights, and what the method adds to them.
 * Outputs: `log_probabilities` [batch, picks, V]; the new keys, rotated, and values of every layer, [batch, K, seq, P].
 *
 * A layer's new keys and values must be in its cache before its attention reads it, so the graph runs in stages (`startsAt`).
 * All sums are then those of the training graph, term by term: where rows begin at position 0 of the cache as they do at place 0
 * of a training row, the log-probabilities are the same bits.
 */
export function generationGraph(options: GenerationGraphOptions): Graph {
  const { config, method, capacity, temperature = 1, prefill = false } = options;
  const b = new GraphBuilder(prefill ? "prefill" : "generation");
  const { heads, kvHeads, headDim } = config;
  const group = heads / kvHeads;
  const tokens = b.input("tokens", "i64", ["batch", "seq"]);
  const positions = b.input("positions", "i64", ["batch", "seq"]);
  const bias = b.input("bias", "f32", prefill ? ["batch", 1, 1, "seq", "cached"] : ["batch", 1, "seq", 1, "cached"]);
  const pick = b.input("pick", "f32", ["batch", "picks", "seq"]);
  const { input, rewrite } = rewritten(b, { config, method, positions });

  const tables = ropeTables(config, capacity);
  const rope = { cos: b.constant(tables.cos), sin: b.constant(tables.sin) };
  const { prefixTokens = 0 } = method;
  const angles = prefixTokens === 0 ? positions : b.add(positions, b.scalar(prefixTokens, "i64"));
  const outputs: Record<string, Value> = {};

  const attend = (layer: number, q: Value, k: Value, v: Value): Value => {
    const split = (x: Value, count: number) =>
      b.transpose(b.reshape(x, ["batch", "seq", count, headDim]), [0, 2, 1, 3]);
    const names = cacheNames(layer);
    outputs[names.nextKey] = b.rope(split(k, kvHeads), angles, rope);
    outputs[names.nextValue] = split(v, kvHeads);
    const cached = (name: string) => {
      const states = b.input(name, "f32", ["batch", kvHeads, "cached", headDim]);
      return b.reshape(states, ["batch", kvHeads, 1, "cached", headDim]);
    };

    const query = b.mul(b.rope(split(q, heads), angles, rope), 1 / Math.sqrt(headDim));
    const byHead = b.reshape(query, ["batch", kvHeads, group, "seq", headDim]);
    const [keys, values] = [cached(names.key), cached(names.value)];
    const attended = (x: Value) => {
      const scores = b.matmul(x, keys, { transB: true });
      return b.matmul(b.softmax(b.add(scores, bias)), values);
    };
    const merged = (x: Value) => b.reshape(x, ["batch", "seq", heads * headDim]);
    // Many tokens of a head are a product; with few tokens the heads of a group are, so that it has several rows.
    if (prefill) return merged(b.transpose(attended(byHead), [0, 3, 1, 2, 4]));
    const byToken = b.transpose(byHead, [0, 1, 3, 2, 4]);
    // Kernels add up a product of one row in another order than those of several, which the training graph has.
    const mixed = group === 1 ? b.slice(attended(b.pad(byToken, 3, 0, 1)), 3, 0, 1) : attended(byToken);
    return merged(b.transpose(mixed, [0, 2, 1, 3, 4]));
  };

  const hidden = forward({ b, config, tokens, weight: input, attend, rewrite });
  // A product with ones and zeros copies the picked rows exactly.
  const picked = b.matmul(pick, hidden);
  const logits = head({ b, config, weight: input, rewrite }, picked);
  outputs.log_probabilities = b.logSoftmax(temperature === 1 ? logits : b.mul(logits, 1 / temperature));
  return b.build(outputs);
}

/** The stage of a generation graph that an input belongs to; undefined for those that any stage may read. */
export function startsAt(input: string): number | undefined {
  if (input === "tokens") return 0;
  const layer = /^past\.(\d+)\./.exec(input)?.[1];
  return layer === undefined ? undefined : Number(layer) + 1;
}

/** A method's prefix as the keys and values of a cache's first positions: [1, K, n, P] for every layer. */
export function prefixGraph({ config, method }: Pick<GenerationGraphOptions, "config" | "method">): Graph {
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
