import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import type { ModelConfig } from "./config.ts";
import {
  biasName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  inputNorm,
  linearModules,
  postAttentionNorm,
  weightName,
} from "./modules.ts";

/** Where an adapter may change a linear layer: x [B, T, in] is its input and y [B, T, out] its result. */
export interface LinearSite {
  readonly b: GraphBuilder;
  readonly path: string;
  readonly x: Value;
  readonly y: Value;
}

export type LinearRewrite = (site: LinearSite) => Value;

/** What differs between a training graph and a decode graph of the same model. */
export interface ForwardOptions {
  readonly b: GraphBuilder;
  readonly config: ModelConfig;
  /** Token ids [B, T] i64. */
  readonly tokens: Value;
  /** The weight of that name, in the layout of `weightSpecs`. */
  readonly weight: (name: string) => Value;
  /** Attention of one layer over q [B, T, H·P], k and v [B, T, K·P], not yet rotated; gives [B, T, H·P]. */
  readonly attend: (layer: number, q: Value, k: Value, v: Value) => Value;
  /** What an adapter makes of a linear layer's result; the result itself when left out. */
  readonly rewrite?: LinearRewrite;
}

/**
 * The decoder from token ids to the hidden state before the head, [B, T, D]. Both the training graph and the decode
 * graph are this function: they differ in how attention finds its past, and in nothing else.
 */
export function forward(options: ForwardOptions): Value {
  const { b, config, weight, attend, rewrite = ({ y }) => y } = options;
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));
  const linear = (path: string, x: Value): Value => {
    const product = b.matmul(x, weight(weightName(path)));
    const y = modules.get(path)!.bias ? b.add(product, weight(biasName(path))) : product;
    return rewrite({ b, path, x, y });
  };
  const norm = (name: string, x: Value) => b.rmsNorm(x, weight(name), config.normEpsilon);

  let hidden = b.gather(weight(EMBEDDING), options.tokens);
  for (let layer = 0; layer < config.layers; layer++) {
    const path = (name: string) => `layers.${layer}.${name}`;
    const x = norm(inputNorm(layer), hidden);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(path(`self_attn.${name}`), x)) as [
      Value,
      Value,
      Value,
    ];
    hidden = b.add(hidden, linear(path("self_attn.o_proj"), attend(layer, q, k, v)));
    const z = norm(postAttentionNorm(layer), hidden);
    const gated = b.mul(b.silu(linear(path("mlp.gate_proj"), z)), linear(path("mlp.up_proj"), z));
    hidden = b.add(hidden, linear(path("mlp.down_proj"), gated));
  }
  return norm(FINAL_NORM, hidden);
}

/** Logits [..., V] of hidden states [..., D]. */
export function head({ b, config, weight }: Pick<ForwardOptions, "b" | "config" | "weight">, hidden: Value): Value {
  return b.matmul(hidden, weight(config.tied ? EMBEDDING : HEAD), { transB: true });
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
