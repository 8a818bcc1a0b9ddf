import { TrimtabError } from "../errors.ts";

/** AdapterHub saves this beside an adapter of a model that it knows by the names of its parts, as it does Qwen2. */
export const INTERFACE = "adapter_interface.json";

/** Where bottlenecks are attached, and what they take for the stream before a block. */
const DECODER: Readonly<Record<string, string | null>> = {
  model_layers: "layers",
  layer_self_attn: "self_attn",
  layer_cross_attn: null,
  attn_o_proj: "o_proj",
  layer_output_proj: "mlp.down_proj",
  layer_pre_self_attn: "input_layernorm",
  layer_pre_ffn: "post_attention_layernorm",
  layer_ln_1: null,
  layer_ln_2: null,
};

/**
 * An interface may lie beside an adapter where it says what is true of every decoder here, and is left out. Throws
 * `invalid_delta` naming the field where it does not: the adapter would compute something else.
 */
export function requireOwnInterface({ interface: parts }: Readonly<Record<string, unknown>>): void {
  if (!isObject(parts)) throw refuse("names no parts of a model");
  for (const [field, own] of Object.entries(DECODER)) {
    if ((parts[field] ?? null) === own) continue;
    throw refuse(`says otherwise than this model's parts are: ${field} must be ${JSON.stringify(own)}`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", `${INTERFACE} ${problem}`);
}
