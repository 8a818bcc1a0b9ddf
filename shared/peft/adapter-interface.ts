import { TrimtabError } from "../errors.ts";

/** AdapterHub saves this file with adapters of models, such as Qwen2, that it addresses by the names of their modules. */
export const INTERFACE = "adapter_interface.json";

/** The modules that bottlenecks attach to, and the norms whose inputs are the streams before the blocks. */
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
 * Accepts an interface that describes the decoders supported here. Throws `invalid_delta`, naming the field, for any other,
 * because the adapter would compute something else.
 */
export function requireOwnInterface({ interface: parts }: Readonly<Record<string, unknown>>): void {
  if (!isObject(parts)) throw refuse("has no interface object");
  for (const [field, expected] of Object.entries(DECODER)) {
    if ((parts[field] ?? null) === expected) continue;
    throw refuse(`does not match this model: ${field} must be ${JSON.stringify(expected)}`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", `${INTERFACE} ${problem}`);
}
