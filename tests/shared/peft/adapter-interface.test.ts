import { describe, expect, it } from "vitest";
import { requireOwnInterface } from "../../../shared/peft/adapter-interface.ts";

/** As `adapters` 1.3.0 saves it beside an adapter of Qwen2. */
const QWEN2 = {
  adapter_methods: ["bottleneck", "lora", "reft", "invertible"],
  attn_k_proj: "k_proj",
  attn_o_proj: "o_proj",
  attn_q_proj: "q_proj",
  attn_qkv_proj: null,
  attn_v_proj: "v_proj",
  base_model: null,
  layer_cross_attn: null,
  layer_intermediate_proj: "mlp.up_proj",
  layer_ln_1: null,
  layer_ln_2: null,
  layer_output_proj: "mlp.down_proj",
  layer_pre_cross_attn: null,
  layer_pre_ffn: "post_attention_layernorm",
  layer_pre_self_attn: "input_layernorm",
  layer_self_attn: "self_attn",
  model_embeddings: "embed_tokens",
  model_layers: "layers",
};
const interfaceOf = (changes: object) => ({
  interface: { ...QWEN2, ...changes },
  model_type: "qwen2",
  version: "adapters.1.3.0",
});

describe("requireOwnInterface", () => {
  it("accepts an interface that matches the decoders", () => {
    requireOwnInterface(interfaceOf({}));
    requireOwnInterface(interfaceOf({ layer_ln_1: undefined, base_model: "model" }));
  });

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["the normed stream", interfaceOf({ layer_pre_ffn: "mlp" }), 'layer_pre_ffn must be "post_attention_layernorm"'],
    ["no stream", interfaceOf({ layer_pre_self_attn: null }), 'layer_pre_self_attn must be "input_layernorm"'],
    ["a norm after the block", interfaceOf({ layer_ln_2: "post_norm" }), "layer_ln_2 must be null"],
    ["another place", interfaceOf({ layer_output_proj: "mlp.up_proj" }), 'layer_output_proj must be "mlp.down_proj"'],
    ["no parts", { interface: null }, "adapter_interface.json has no interface object"],
    ["nothing", {}, "adapter_interface.json has no interface object"],
  ])("refuses %s", (_name, json, message) => {
    expect(() => requireOwnInterface(json)).toThrow(
      expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(message) }),
    );
  });
});
