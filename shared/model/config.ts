import { quoteName } from "../formats/strict-json.ts";
import { FAMILIES, type Family, familyOf, type ModelType } from "./family.ts";
import { isObject, JsonFields, positive, wholeNumber } from "./json-fields.ts";
import { type ModelProblem, throwProblems } from "./problems.ts";
import { quantisedBy } from "./quantised-checkpoint.ts";
import { type RopeScaling, readRope } from "./rope-scaling.ts";
import { readSlidingWindow } from "./sliding-window.ts";

/**
 * The shape of a Llama-like decoder: RMSNorm, rotary positions, grouped-query attention, a gated SiLU feed-forward
 * network, a tied or untied head. Llama, Mistral and Qwen2 differ only in `attentionBias` and the sizes.
 */
export interface ModelConfig {
  readonly modelType: ModelType;
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

/**
 * Reads a Hugging Face `config.json` as transformers 5 would. Each setting that a folder may state twice is resolved in
 * one place:
 *
 *     rope_theta, rope_scaling, rope_parameters,
 *     original_max_position_embeddings            `readRope`
 *     sliding_window, use_sliding_window,
 *     max_window_layers, layer_types              `readSlidingWindow`: the shortest window that a layer uses
 *     head_dim, hidden_size / heads               head_dim
 *     num_key_value_heads left out, or null       the family's default, or one for each query head
 *     attention_bias, mlp_bias                    llama alone reads them; qwen2 always has biases, mistral never
 *     hidden_act                                  silu, also called swish
 *     tie_word_embeddings, lm_head.weight         `resolveTie`: a head that differs from the embedding is kept
 *     model_type, architectures                   model_type; architectures must be a language model
 *     dtype, torch_dtype                          neither: each tensor has its own
 *     eos_token_id in config.json,
 *     generation_config.json, tokenizer_config    `readGenerationConfig`, and all of them end a text
 *     vocab_size, tokenizer.json                  `checkSmallFiles`: the tokenizer may not have more
 *     pretraining_tp, attention_dropout           no effect on the results
 *
 * Throws `invalid_model` with every problem, each with its field.
 */
export function parseModelConfig(json: unknown): ModelConfig {
  const problems: ModelProblem[] = [];
  const config = readModelConfig(json, problems);
  throwProblems(problems);
  return config!;
}

const CONFIG = "config.json";
const size = wholeNumber(1, 1_000_000);
const positions = wholeNumber(1, 10_000_000);
const DEFAULT_EPSILON = 1e-6;

/** Like `parseModelConfig`, but adds errors to `problems` and then returns undefined. */
function readModelConfig(json: unknown, problems: ModelProblem[]): ModelConfig | undefined {
  const file = new JsonFields(isObject(json) ? json : {}, { file: CONFIG, problems });
  if (!isObject(json)) return void problems.push({ file: CONFIG, field: "", reason: "must be a JSON object" });
  // First, because the fields of other families have other names.
  const family = familyOf(json);
  if ("reason" in family) return file.refuse(family.field, family.reason);
  const { modelType } = family;
  const { defaults, attentionBias, biasFields }: Family = FAMILIES[modelType];

  const quantised = quantisedBy(json);
  if (quantised !== undefined) file.refuse(quantised.field, quantised.reason);
  if (file.has("auto_map")) file.refuse("auto_map", "code shipped with a model is never run; remove the field");
  const activation = file.string("hidden_act") ?? "silu";
  if (activation !== "silu" && activation !== "swish")
    file.refuse("hidden_act", `${quoteName(activation)} is not supported; only silu is`);
  for (const field of biasFields)
    if (file.boolean(field))
      file.refuse(field, `must be false: ${modelType} models with these biases are not supported`);

  const vocabSize = file.required("vocab_size", size);
  const hiddenSize = file.required("hidden_size", size);
  const layers = file.required("num_hidden_layers", wholeNumber(1, 1000));
  const ffnSize = file.required("intermediate_size", size);
  const { heads, kvHeads, headDim } = readHeads(file, hiddenSize, defaults.kvHeads);
  const normEpsilon = file.number("rms_norm_eps", positive(0.1)) ?? DEFAULT_EPSILON;
  const longest = file.number("max_position_embeddings", positions) ?? defaults.maxPositions;
  const rope = readRope(file, longest);
  const window = readSlidingWindow(file, modelType, layers);
  const tied = file.boolean("tie_word_embeddings") ?? false;
  if (problems.length > 0) return undefined;
  return {
    modelType,
    vocabSize: vocabSize!,
    hiddenSize: hiddenSize!,
    layers: layers!,
    heads: heads!,
    kvHeads: kvHeads!,
    headDim: headDim!,
    ffnSize: ffnSize!,
    normEpsilon,
    ropeTheta: rope!.theta,
    ...(rope!.scaling === undefined ? {} : { ropeScaling: rope!.scaling }),
    // Contexts no longer than the sliding window have full attention, so the window just limits the context.
    maxPositions: Math.min(longest, window ?? Number.POSITIVE_INFINITY),
    tied,
    attentionBias,
  };
}

function readHeads(file: JsonFields, hiddenSize: number | undefined, defaultKvHeads: number | null) {
  const heads = file.required("num_attention_heads", size);
  const usual = file.mentions("num_key_value_heads") ? heads : (defaultKvHeads ?? heads);
  const kvHeads = file.number("num_key_value_heads", size) ?? usual;
  const headDim = file.number("head_dim", size) ?? (hiddenSize && heads && hiddenSize / heads);
  if (heads && kvHeads && heads % kvHeads !== 0) {
    const found = file.has("num_key_value_heads") ? kvHeads : `${kvHeads}, which this family has if it is left out,`;
    file.refuse("num_key_value_heads", `${found} does not divide num_attention_heads, which is ${heads}`);
  }
  if (headDim && (!Number.isInteger(headDim) || headDim % 2 !== 0)) {
    const source = file.has("head_dim") ? "" : " (hidden_size divided by num_attention_heads)";
    file.refuse("head_dim", `the width of a head must be an even whole number, got ${headDim}${source}`);
  }
  return { heads, kvHeads, headDim };
}
