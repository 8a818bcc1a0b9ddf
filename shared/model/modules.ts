import { totalElements } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";

/** A linear layer y = xW (+ b) of the model, as adapters see it. */
export interface LinearModule {
  /** The Hugging Face module path without its leading `model.`, such as `layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly in: number;
  readonly out: number;
  readonly bias: boolean;
}

/** A tensor of the model's files. Linear weights are [out, in] in files and [in, out] in graphs. */
export interface WeightSpec {
  readonly name: string;
  /** The shape in the graph. */
  readonly shape: readonly number[];
  /** Whether the file stores the transpose. */
  readonly transposed: boolean;
}

export const EMBEDDING = "model.embed_tokens.weight";
export const FINAL_NORM = "model.norm.weight";
export const HEAD = "lm_head.weight";

/** The head's module path. The head is the only module that is not under `model.` in a checkpoint. */
export const HEAD_PATH = "lm_head";

/** The embedding's module path, without the leading `model.`. */
export const EMBEDDING_PATH = "embed_tokens";

/** The path of a module in a checkpoint, such as `model.layers.0.self_attn.q_proj`. */
export const checkpointPath = (path: string) => (path === HEAD_PATH ? path : `model.${path}`);
export const weightName = (path: string) => `${checkpointPath(path)}.weight`;
export const biasName = (path: string) => `${checkpointPath(path)}.bias`;

/** The linear layers of every block, in order of computation, excluding the head. */
export function linearModules(config: ModelConfig): LinearModule[] {
  const { hiddenSize, heads, kvHeads, headDim, ffnSize, attentionBias } = config;
  const sizes: readonly (readonly [string, number, number, boolean])[] = [
    ["self_attn.q_proj", hiddenSize, heads * headDim, attentionBias],
    ["self_attn.k_proj", hiddenSize, kvHeads * headDim, attentionBias],
    ["self_attn.v_proj", hiddenSize, kvHeads * headDim, attentionBias],
    ["self_attn.o_proj", heads * headDim, hiddenSize, false],
    ["mlp.gate_proj", hiddenSize, ffnSize, false],
    ["mlp.up_proj", hiddenSize, ffnSize, false],
    ["mlp.down_proj", ffnSize, hiddenSize, false],
  ];
  return Array.from({ length: config.layers }, (_, layer) =>
    sizes.map(([name, inSize, outSize, bias]) => ({ path: `layers.${layer}.${name}`, in: inSize, out: outSize, bias })),
  ).flat();
}

/** Every linear layer that an adapter may change: the layers of the blocks and the head. */
export function adaptableModules(config: ModelConfig): LinearModule[] {
  const head = { path: HEAD_PATH, in: config.hiddenSize, out: config.vocabSize, bias: false };
  return [...linearModules(config), head];
}

/** The embedding as a linear layer whose input is a one-hot vector of length V. */
export function embeddingModule({ vocabSize, hiddenSize }: ModelConfig): LinearModule {
  return { path: EMBEDDING_PATH, in: vocabSize, out: hiddenSize, bias: false };
}

/** The parts of every block that add to the residual stream, in order of computation. */
export function blockPaths(config: ModelConfig): string[] {
  return Array.from({ length: config.layers }, (_, layer) => [
    `layers.${layer}.self_attn`,
    `layers.${layer}.mlp`,
  ]).flat();
}

/** Exactly the tensors that the model's files must contain. */
export function weightSpecs(config: ModelConfig): WeightSpec[] {
  const { hiddenSize, vocabSize, layers, tied } = config;
  const vector = (name: string, length: number): WeightSpec => ({ name, shape: [length], transposed: false });
  const table = (name: string): WeightSpec => ({ name, shape: [vocabSize, hiddenSize], transposed: false });
  const norms = Array.from({ length: layers }, (_, layer) => [
    vector(inputNorm(layer), hiddenSize),
    vector(postAttentionNorm(layer), hiddenSize),
  ]).flat();
  const linears = linearModules(config).flatMap((module) => [
    { name: weightName(module.path), shape: [module.in, module.out], transposed: true },
    ...(module.bias ? [vector(biasName(module.path), module.out)] : []),
  ]);
  return [table(EMBEDDING), ...norms, ...linears, vector(FINAL_NORM, hiddenSize), ...(tied ? [] : [table(HEAD)])];
}

export const inputNorm = (layer: number) => `model.layers.${layer}.input_layernorm.weight`;
export const postAttentionNorm = (layer: number) => `model.layers.${layer}.post_attention_layernorm.weight`;

export function parameterCount(config: ModelConfig): number {
  return totalElements(weightSpecs(config));
}
