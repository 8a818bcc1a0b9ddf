import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import {
  biasName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  HEAD_PATH,
  inputNorm,
  linearModules,
  postAttentionNorm,
  weightName,
} from "./modules.ts";
import type { ModelRewrite } from "./rewrite.ts";
import type { Taps } from "./taps.ts";

/** The differences between a training graph and a decode graph of the same model. */
export interface ForwardOptions {
  readonly b: GraphBuilder;
  readonly config: ModelConfig;
  /**
   * Token ids [B, T] i64, or their embeddings [B, T, D] f32 where they were looked up already: with `firstLayer`, the stream before
   * that layer.
   */
  readonly tokens: Value;
  /** The first layer that is computed; 0 by default. */
  readonly firstLayer?: number;
  /** The weight of that name, in the layout of `weightSpecs`. */
  readonly weight: (name: string) => Value;
  /** Attention of one layer over q [B, T, H·P], k and v [B, T, K·P], not yet rotated; gives [B, T, H·P]. */
  readonly attend: (layer: number, q: Value, k: Value, v: Value) => Value;
  /** What an adapter changes; nothing when left out. */
  readonly rewrite?: ModelRewrite;
  /** Receives every tap of taps.ts, after the rewrite. */
  readonly tap?: Taps["record"];
  /**
   * Takes from [B, T, W] the tokens whose result is read. The last layer computes nothing but keys, values and attention of the others,
   * and its taps and the result have the shape that this gives.
   */
  readonly read?: (x: Value) => Value;
}

/**
 * The decoder from token ids to the hidden state before the head, [B, T, D]. Both the training graph and the decode
 * graph are this function: they differ only in how attention finds its past.
 */
export function forward(options: ForwardOptions): Value {
  const { b, config, weight, attend, rewrite = {}, tap = () => {}, read = (x: Value) => x, firstLayer = 0 } = options;
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));
  const linear = (path: string, x: Value): Value => {
    tap(`${path}.input`, x);
    const bias = modules.get(path)!.bias ? weight(biasName(path)) : undefined;
    const multiply = (z: Value) => rewrite.product?.(path, z) ?? b.matmul(z, weight(weightName(path)));
    return rewritten(
      { b, rewrite },
      { path, x, product: multiply(x), multiply, ...(bias === undefined ? {} : { bias }) },
    );
  };
  const norm = (name: string, x: Value) => b.rmsNorm(x, weight(name), config.normEpsilon);
  const plus = (x: Value, terms: readonly Value[] = []) => terms.reduce((sum, term) => b.add(sum, term), x);
  /** The residual stream with the output `y` of a block that read it. */
  const block = (path: string, stream: Value, y: Value): Value => {
    const added = plus(y, rewrite.block?.({ path, stream, y }));
    tap(path, added);
    return b.add(stream, added);
  };

  let hidden = embed(options);
  if (firstLayer === 0) tap("embedding", hidden);
  for (let layer = firstLayer; layer < config.layers; layer++) {
    const path = (name: string) => `layers.${layer}.${name}`;
    const x = norm(inputNorm(layer), hidden);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(path(`self_attn.${name}`), x)) as [
      Value,
      Value,
      Value,
    ];
    const last = layer === config.layers - 1;
    const mixed = attend(layer, q, k, v);
    if (last) hidden = read(hidden);
    hidden = block(path("self_attn"), hidden, linear(path("self_attn.o_proj"), last ? read(mixed) : mixed));
    const z = norm(postAttentionNorm(layer), hidden);
    const gated = b.mul(b.silu(linear(path("mlp.gate_proj"), z)), linear(path("mlp.up_proj"), z));
    hidden = block(path("mlp"), hidden, linear(path("mlp.down_proj"), gated));
    hidden = plus(hidden, rewrite.stream?.({ layer, stream: hidden }));
    tap(`layers.${layer}`, hidden);
  }
  if (firstLayer === config.layers) hidden = read(hidden);
  const final = norm(FINAL_NORM, hidden);
  tap("final", final);
  return final;
}

function embed({ b, weight, tokens, rewrite }: ForwardOptions): Value {
  if (tokens.dtype === "f32") return tokens;
  const y = b.gather(weight(EMBEDDING), tokens);
  return rewrite?.embed?.({ tokens, y }) ?? y;
}

/** Logits [..., V] of hidden states [..., D]. */
export function head(
  { b, config, weight, rewrite = {} }: Pick<ForwardOptions, "b" | "config" | "weight" | "rewrite">,
  hidden: Value,
): Value {
  const multiply = (z: Value) => b.matmul(z, weight(config.tied ? EMBEDDING : HEAD), { transB: true });
  return rewritten({ b, rewrite }, { path: HEAD_PATH, x: hidden, product: multiply(hidden), multiply });
}

/** y = scale ⊙ xW + bias + Σ added: the one place that combines adapters' changes to a linear layer. */
function rewritten(
  { b, rewrite }: { b: GraphBuilder; rewrite: ModelRewrite },
  site: Parameters<NonNullable<ModelRewrite["linear"]>>[0],
): Value {
  const { scale, added = [] } = rewrite.linear?.(site) ?? {};
  const scaled = scale === undefined ? site.product : b.mul(site.product, scale);
  const terms = site.bias === undefined ? added : [site.bias, ...added];
  return terms.reduce((sum, term) => b.add(sum, term), scaled);
}

/** Hands out one graph input per weight name, made on first use. */
export function weightInputs(b: GraphBuilder, shapes: ReadonlyMap<string, readonly number[]>): (name: string) => Value {
  const made = new Map<string, Value>();
  return (name) => {
    const value = made.get(name) ?? b.input(name, "f32", shapes.get(name)!);
    made.set(name, value);
    return value;
  };
}
