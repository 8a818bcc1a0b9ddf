import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import {
  biasName,
  EMBEDDING,
  HEAD,
  inputNorm,
  linearModules,
  parameterCount,
  postAttentionNorm,
  weightName,
  weightSpecs,
} from "../../../shared/model/modules.ts";
import { GOLDEN_MODELS, goldenJson, goldenModel } from "./golden-models.ts";

const configOf = (name: string) => parseModelConfig(goldenJson(`llama/${name}/config.json`));

describe("linearModules", () => {
  it("lists every block's layers in order of computation, with their sizes", () => {
    const modules = linearModules(configOf("tied-sharded-bf16"));
    // D 32, 4 heads of 12 over 2 keys, F 64.
    expect(modules.slice(0, 7)).toEqual([
      { path: "layers.0.self_attn.q_proj", in: 32, out: 48, bias: false },
      { path: "layers.0.self_attn.k_proj", in: 32, out: 24, bias: false },
      { path: "layers.0.self_attn.v_proj", in: 32, out: 24, bias: false },
      { path: "layers.0.self_attn.o_proj", in: 48, out: 32, bias: false },
      { path: "layers.0.mlp.gate_proj", in: 32, out: 64, bias: false },
      { path: "layers.0.mlp.up_proj", in: 32, out: 64, bias: false },
      { path: "layers.0.mlp.down_proj", in: 64, out: 32, bias: false },
    ]);
    expect(modules.slice(7).map(({ path }) => path)).toEqual(
      modules.slice(0, 7).map(({ path }) => path.replace("layers.0", "layers.1")),
    );
  });

  it("gives biases to Qwen2's query, key and value only", () => {
    const biased = linearModules(configOf("qwen2")).flatMap(({ path, bias }) => (bias ? [path] : []));
    const of = (layer: number) => ["q", "k", "v"].map((name) => `layers.${layer}.self_attn.${name}_proj`);
    expect(biased).toEqual([...of(0), ...of(1)]);
  });
});

describe("weightSpecs", () => {
  it.each(GOLDEN_MODELS)("names exactly the tensors that transformers saved: %s", async (name) => {
    const index = name === "tied-sharded-bf16" ? "model.safetensors.index.json" : undefined;
    const { config, weights } = await goldenModel(name);
    const names = weightSpecs(config).map((spec) => spec.name);
    expect(new Set(names).size).toBe(names.length);
    expect([...weights.keys()]).toEqual(names);
    if (index !== undefined) {
      const { weight_map: map } = goldenJson<{ weight_map: object }>(`llama/${name}/${index}`);
      expect(names.toSorted()).toEqual(Object.keys(map).sort());
    }
  });

  it("transposes only linear weights", () => {
    const specs = new Map(weightSpecs(configOf("qwen2")).map((spec) => [spec.name, spec]));
    expect(specs.get("model.layers.1.mlp.down_proj.weight")).toMatchObject({ shape: [64, 32], transposed: true });
    expect(specs.get("model.layers.1.self_attn.k_proj.bias")).toMatchObject({ shape: [16], transposed: false });
    expect(specs.get(EMBEDDING)).toMatchObject({ shape: [96, 32], transposed: false });
    expect(specs.get(HEAD)).toMatchObject({ shape: [96, 32], transposed: false });
    expect(specs.has("model.layers.1.self_attn.o_proj.bias")).toBe(false);
  });

  it("has no separate head if the embedding is the head", () => {
    expect(weightSpecs(configOf("tied-sharded-bf16")).some(({ name }) => name === HEAD)).toBe(false);
  });
});

describe("names", () => {
  it("are Hugging Face's", () => {
    expect([
      weightName("layers.3.mlp.up_proj"),
      biasName("layers.3.mlp.up_proj"),
      inputNorm(3),
      postAttentionNorm(3),
    ]).toEqual([
      "model.layers.3.mlp.up_proj.weight",
      "model.layers.3.mlp.up_proj.bias",
      "model.layers.3.input_layernorm.weight",
      "model.layers.3.post_attention_layernorm.weight",
    ]);
  });
});

describe("parameterCount", () => {
  it("counts every element once", () => {
    // V·D of each table, 2 layers of (q, k, v, o, gate, up, down, two norms), the last norm.
    const linears = (q: number, kv: number) => 2 * (2 * 32 * q + 2 * 32 * kv + 3 * 32 * 64);
    const norms = 5 * 32;
    expect(parameterCount(configOf("plain"))).toBe(2 * 96 * 32 + linears(32, 16) + norms);
    expect(parameterCount(configOf("tied-sharded-bf16"))).toBe(96 * 32 + linears(48, 24) + norms);
    expect(parameterCount(configOf("qwen2"))).toBe(2 * 96 * 32 + linears(32, 16) + norms + 2 * (32 + 16 + 16));
  });
});
