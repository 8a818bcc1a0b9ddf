import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseRopeScaling, type RopeScaling, ropeFileSchema } from "./rope-scaling.ts";

/**
 * The shape of a Llama-like decoder: RMSNorm, rotary positions, grouped-query attention, a gated SiLU feed-forward
 * network, a tied or untied head. Llama, Mistral and Qwen2 differ only in `attentionBias` and the sizes.
 */
export interface ModelConfig {
  readonly modelType: "llama" | "mistral" | "qwen2";
  readonly vocabSize: number;
  /** D: width of the residual stream. */
  readonly hiddenSize: number;
  readonly layers: number;
  /** H: query heads. */
  readonly heads: number;
  /** K: key and value heads; divides H. */
  readonly kvHeads: number;
  /** P: width of one head; H·P need not be D. */
  readonly headDim: number;
  /** F: width of the feed-forward network. */
  readonly ffnSize: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  /** Absent if rotary positions are not scaled. */
  readonly ropeScaling?: RopeScaling;
  /** The longest context, in tokens. */
  readonly maxPositions: number;
  /** The head is the embedding matrix. */
  readonly tied: boolean;
  /** The query, key and value projections have biases. */
  readonly attentionBias: boolean;
}

const size = z.number().int().min(1).max(1_000_000);

// The fields that affect the computation. A config.json has many others.
const fileSchema = z.object({
  model_type: z.string(),
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size.max(1000),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  intermediate_size: size,
  rms_norm_eps: z.number().positive().max(0.1),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: ropeFileSchema.nullish(),
  rope_scaling: ropeFileSchema.nullish(),
  max_position_embeddings: size.max(10_000_000),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  hidden_act: z.string().nullish(),
  sliding_window: size.nullish(),
  use_sliding_window: z.boolean().nullish(),
  quantization_config: z.unknown().nullish(),
  auto_map: z.unknown().nullish(),
});

const MODEL_TYPES = ["llama", "mistral", "qwen2"] as const;

/** Reads a Hugging Face `config.json`. Throws `invalid_model`, naming the field, for anything that is not supported. */
export function parseModelConfig(json: unknown): ModelConfig {
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    refuse(issue.path.join(".") || "the file", issue.message);
  }
  const file = parsed.data;
  const modelType = MODEL_TYPES.find((known) => known === file.model_type);
  if (modelType === undefined) refuse("model_type", `${file.model_type} is not one of ${MODEL_TYPES.join(", ")}`);
  if (file.auto_map != null) refuse("auto_map", "code shipped with a model is never run; remove the field");
  if (file.quantization_config != null)
    refuse("quantization_config", "quantised weights are not supported; use float32, float16 or bfloat16");
  if (file.hidden_act != null && file.hidden_act !== "silu")
    refuse("hidden_act", `${file.hidden_act} is not supported; only silu is`);
  if (file.mlp_bias) refuse("mlp_bias", "feed-forward biases are not supported");
  // Transformers 5 merges two older fields into rope_parameters. Like transformers, prefer the older one if present.
  const ropeField = file.rope_scaling == null ? "rope_parameters" : "rope_scaling";
  const ropeScaling = parseRopeScaling(file[ropeField] ?? {}, (field, reason) =>
    refuse(`${ropeField}.${field}`, reason),
  );

  const heads = file.num_attention_heads;
  const kvHeads = file.num_key_value_heads ?? heads;
  const headDim = file.head_dim ?? file.hidden_size / heads;
  if (heads % kvHeads !== 0) refuse("num_key_value_heads", `${kvHeads} does not divide the ${heads} attention heads`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0)
    refuse("head_dim", `the width of a head must be an even integer, got ${headDim}`);
  if (modelType === "llama" && file.attention_bias) {
    refuse("attention_bias", "attention biases are not supported for llama");
  }
  // Contexts no longer than the sliding window have full attention, so the window just limits the context.
  const sliding = modelType === "qwen2" && !file.use_sliding_window ? null : file.sliding_window;
  return {
    modelType,
    vocabSize: file.vocab_size,
    hiddenSize: file.hidden_size,
    layers: file.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    ffnSize: file.intermediate_size,
    normEpsilon: file.rms_norm_eps,
    ropeTheta: file.rope_theta ?? file.rope_parameters?.rope_theta ?? 10_000,
    ...(ropeScaling === undefined ? {} : { ropeScaling }),
    maxPositions: Math.min(file.max_position_embeddings, sliding ?? Number.POSITIVE_INFINITY),
    tied: file.tie_word_embeddings ?? false,
    attentionBias: modelType === "qwen2",
  };
}

function refuse(field: string, reason: string): never {
  throw new TrimtabError("invalid_model", `config.json: ${field}: ${reason}`, { param: field });
}
