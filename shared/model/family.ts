/** The supported families of models, transformers' defaults for each, and the errors for others. */
import { quoteName } from "../formats/strict-json.ts";
import { FAMILY_NAMES } from "./family-names.ts";
import { isObject } from "./json-fields.ts";

export interface Family {
  readonly name: string;
  /** Values of transformers' configuration class for fields that config.json leaves out. */
  readonly defaults: {
    /** null: the number of query heads. */
    readonly kvHeads: number | null;
    readonly maxPositions: number;
    readonly slidingWindow: number | null;
  };
  /** Whether the query, key and value projections have biases. */
  readonly attentionBias: boolean;
  /** Fields that say whether layers have biases; transformers reads them only for this family. */
  readonly biasFields: readonly string[];
}

export const FAMILIES = {
  llama: {
    name: "Llama",
    defaults: { kvHeads: null, maxPositions: 2048, slidingWindow: null },
    attentionBias: false,
    biasFields: ["attention_bias", "mlp_bias"],
  },
  mistral: {
    name: "Mistral",
    defaults: { kvHeads: 8, maxPositions: 131_072, slidingWindow: 4096 },
    attentionBias: false,
    biasFields: [],
  },
  qwen2: {
    name: "Qwen2",
    defaults: { kvHeads: 32, maxPositions: 32_768, slidingWindow: 4096 },
    attentionBias: true,
    biasFields: [],
  },
} as const satisfies Readonly<Record<string, Family>>;

export type ModelType = keyof typeof FAMILIES;

const SUPPORTED = "supported: Llama, Mistral and Qwen2 (model_type llama, mistral, qwen2)";
const LANGUAGE_MODEL = /(ForCausalLM|LMHeadModel|Model)$/;

/** The family of a config.json, or the field and the reason why its model cannot be used. */
export function familyOf(
  json: Readonly<Record<string, unknown>>,
): { readonly modelType: ModelType } | { readonly field: string; readonly reason: string } {
  const { model_type: type } = json;
  const architectures = Array.isArray(json.architectures) ? json.architectures.filter(isText) : [];
  if (typeof type !== "string" || type === "") return { field: "model_type", reason: untyped(json, architectures) };
  if (!Object.hasOwn(FAMILIES, type)) return { field: "model_type", reason: unsupported(type, json) };
  // transformers chooses the class by model_type; only a different kind of head shows that this is not a language
  // model.
  const [other] = architectures;
  if (other !== undefined && !architectures.some((name) => LANGUAGE_MODEL.test(name))) {
    const reason = `${quoteName(other)} is not a causal language model; save the model as ${FAMILIES[type as ModelType].name}ForCausalLM`;
    return { field: "architectures", reason };
  }
  return { modelType: type as ModelType };
}

function unsupported(type: string, json: Readonly<Record<string, unknown>>): string {
  const name = Object.hasOwn(FAMILY_NAMES, type) ? FAMILY_NAMES[type] : undefined;
  const models =
    name === undefined ? `models with model_type ${quoteName(type)}` : `${name} models (model_type ${type})`;
  return `${models} are not supported; ${SUPPORTED}${insideHint(json)}`;
}

function untyped(json: Readonly<Record<string, unknown>>, [architecture]: readonly string[]): string {
  if (typeof json.peft_type === "string") {
    return "this is the configuration of an adapter, not of a model; upload the folder as a delta, and its base as the model";
  }
  if (architecture !== undefined) {
    const known = Object.values(FAMILIES).find(({ name }) => architecture === `${name}ForCausalLM`);
    if (known === undefined) {
      return `${quoteName(architecture)} models are not supported; ${SUPPORTED}${insideHint(json)}`;
    }
  }
  return `missing, so the model's family is unknown; ${SUPPORTED}${insideHint(json)}`;
}

/** Multimodal models contain a language model with a separate configuration. */
function insideHint(json: Readonly<Record<string, unknown>>): string {
  const field = ["text_config", "llm_config", "language_config", "thinker_config"].find((name) => isObject(json[name]));
  if (field === undefined) return "";
  const { model_type: type } = json[field] as { model_type?: unknown };
  const usable = typeof type === "string" && Object.hasOwn(FAMILIES, type);
  return usable
    ? `. Only its language model (${field}) could be used: save it as a separate folder with model_type ${type}`
    : ". Models for images, audio or video are not supported";
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
