import { describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { weightSpecs } from "../../../shared/model/modules.ts";
import { scaleFrequency } from "../../../shared/model/rope-scaling.ts";
import { goldenJson } from "./golden-models.ts";

/** The config of a small Llama with `changes` applied; undefined removes a field. */
function file(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const base = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: 96,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 64,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
  };
  return Object.fromEntries(Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined));
}

const PLAIN = {
  modelType: "llama",
  vocabSize: 96,
  hiddenSize: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  ffnSize: 64,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 64,
  tied: false,
  attentionBias: false,
};

describe("parseModelConfig", () => {
  it("reads the same model from files of transformers 5 and 4", () => {
    expect(parseModelConfig(goldenJson("llama/plain/config.json"))).toEqual(PLAIN);
    expect(parseModelConfig(goldenJson("llama/plain/config-v4.json"))).toEqual(PLAIN);
  });

  it("reads the peculiarities of Qwen2 and tied models", () => {
    expect(parseModelConfig(goldenJson("llama/qwen2/config.json"))).toEqual({
      ...PLAIN,
      modelType: "qwen2",
      normEpsilon: 1e-6,
      ropeTheta: 1_000_000,
      attentionBias: true,
    });
    expect(parseModelConfig(goldenJson("llama/tied-sharded-bf16/config.json"))).toEqual({
      ...PLAIN,
      headDim: 12,
      normEpsilon: 1e-6,
      ropeTheta: 500_000,
      tied: true,
    });
  });

  it("reads the rotary base from the top level or from rope_parameters", () => {
    expect(parseModelConfig(file({ rope_theta: 123 })).ropeTheta).toBe(123);
    expect(parseModelConfig(file({ rope_parameters: { rope_theta: 456 } })).ropeTheta).toBe(456);
    expect(parseModelConfig(file()).ropeTheta).toBe(10_000);
  });

  it("gives every head its own key and value if the file defines no groups", () => {
    expect(parseModelConfig(file({ num_key_value_heads: undefined })).kvHeads).toBe(4);
    expect(parseModelConfig(file({ model_type: "mistral", num_key_value_heads: null })).kvHeads).toBe(4);
    expect(parseModelConfig(file({ num_key_value_heads: null })).kvHeads).toBe(4);
  });

  it("limits the context to the sliding window if the model uses one", () => {
    const mistral = (changes: object) =>
      parseModelConfig(file({ model_type: "mistral", max_position_embeddings: 32_768, ...changes })).maxPositions;
    expect(mistral({ sliding_window: 4096 })).toBe(4096);
    expect(mistral({ sliding_window: null })).toBe(32_768);
    const qwen2 = (use: boolean) =>
      parseModelConfig(file({ model_type: "qwen2", sliding_window: 16, max_window_layers: 0, use_sliding_window: use }))
        .maxPositions;
    expect([qwen2(true), qwen2(false)]).toEqual([16, 64]);
  });

  it("reads the scaling of rotary positions from files of transformers 5 and 4", () => {
    const llama3 = {
      rope_type: "llama3",
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const scaling = {
      type: "llama3",
      factor: 32,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 8192,
    };
    const old = parseModelConfig(file({ rope_theta: 500_000, rope_scaling: llama3 }));
    expect(old).toMatchObject({ ropeTheta: 500_000, ropeScaling: scaling });
    expect(parseModelConfig(file({ rope_parameters: { rope_theta: 500_000, ...llama3 } }))).toEqual(old);
    expect(parseModelConfig(file({ rope_scaling: { type: "linear", factor: 2 } })).ropeScaling).toEqual({
      type: "linear",
      factor: 2,
    });
    expect(parseModelConfig(file({ rope_scaling: { rope_type: "default" } })).ropeScaling).toBeUndefined();
  });

  const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const quantised = (method: string) =>
    `weights quantised with ${method} are not supported; use the original checkpoint`;
  it.each<[field: string, changes: Record<string, unknown>, reason: string]>([
    ["vocab_size", { vocab_size: undefined }, "missing; must be a whole number from 1 to 1000000"],
    ["hidden_size", { hidden_size: 0 }, "must be a whole number from 1 to 1000000, got 0"],
    ["num_hidden_layers", { num_hidden_layers: 1001 }, "must be a whole number from 1 to 1000, got 1001"],
    ["intermediate_size", { intermediate_size: 1.5 }, "must be a whole number from 1 to 1000000, got 1.5"],
    ["rms_norm_eps", { rms_norm_eps: -1e-5 }, "must be a positive number up to 0.1, got -0.00001"],
    ["max_position_embeddings", { max_position_embeddings: "64" }, 'from 1 to 10000000, got "64"'],
    ["rope_theta", { rope_theta: 0 }, "must be a positive number, got 0"],
    [
      "model_type",
      { model_type: "gpt2" },
      "GPT-2 models (model_type gpt2) are not supported; supported: Llama, Mistral",
    ],
    ["auto_map", { auto_map: { AutoModel: "x.Y" } }, "code shipped with a model is never run; remove the field"],
    ["quantization_config", { quantization_config: { bits: 4 } }, "quantised weights are not supported"],
    ["quantization_config", { quantization_config: { quant_method: "gptq", bits: 4 } }, quantised("GPTQ")],
    ["hidden_act", { hidden_act: "gelu" }, '"gelu" is not supported; only silu is'],
    ["mlp_bias", { mlp_bias: true }, "must be false: llama models with these biases are not supported"],
    ["attention_bias", { attention_bias: true }, "must be false: llama models with these biases are not supported"],
    ["num_key_value_heads", { num_key_value_heads: 3 }, "3 does not divide num_attention_heads, which is 4"],
    [
      "head_dim",
      { hidden_size: 36 },
      "the width of a head must be an even whole number, got 9 (hidden_size divided by",
    ],
    ["head_dim", { hidden_size: 33 }, "the width of a head must be an even whole number, got 8.25"],
    ["rope_scaling.rope_type", { rope_scaling: { type: "dynamic", factor: 2 } }, '"dynamic" is not supported; use'],
    ["rope_parameters.rope_type", { rope_parameters: { rope_type: "yarn" } }, '"yarn" is not supported; use default'],
    ["rope_parameters.factor", { rope_parameters: { rope_type: "linear" } }, "missing; must be a number of at least 1"],
    [
      "rope_scaling.factor",
      { rope_scaling: { type: "linear", factor: 0.5 } },
      "must be a number of at least 1, got 0.5",
    ],
    [
      "rope_scaling.high_freq_factor",
      { rope_scaling: { ...llama3, high_freq_factor: 1, original_max_position_embeddings: 8192 } },
      "must be above low_freq_factor, which is 1, got 1",
    ],
    [
      "num_key_value_heads",
      { model_type: "mistral", num_key_value_heads: undefined },
      "8, which this family has if it is left out, does not divide num_attention_heads",
    ],
  ])("refuses %s: %j", (field, changes, reason) => {
    const refusal = { code: "invalid_model", param: field, message: expect.stringContaining(reason) };
    expect(() => parseModelConfig(file(changes))).toThrow(expect.objectContaining(refusal));
    expect(() => parseModelConfig(file(changes))).toThrow(`config.json: ${field}: `);
  });

  it("lists everything that is wrong at once", () => {
    const changes = { vocab_size: "96", hidden_act: "gelu", rope_scaling: { type: "linear" } };
    expect(() => parseModelConfig(file(changes))).toThrow(
      [
        "3 things in the model have to change:",
        'config.json: hidden_act: "gelu" is not supported; only silu is',
        'config.json: vocab_size: must be a whole number from 1 to 1000000, got "96"',
        "config.json: rope_scaling.factor: missing; must be a number of at least 1",
      ].join("\n- "),
    );
  });

  it("rejects a file that is not an object", () => {
    expect(() => parseModelConfig([])).toThrow("config.json: must be a JSON object");
  });
});

describe("parseModelConfig against transformers", () => {
  interface Case {
    readonly name: string;
    readonly config: Record<string, unknown>;
    readonly error?: string;
    readonly resolved?: {
      readonly inverseFrequencies: readonly number[];
      readonly shapes: Readonly<Record<string, readonly number[]>>;
      readonly epsilon: number;
      readonly activation: string;
      readonly window: number | null;
    };
  }
  const { cases } = goldenJson<{ cases: Case[] }>("llama/config-resolution.json");
  /** Null counts as absent here, even where transformers fails on it. */
  const NULLS = ["null theta", "head_dim null", "key-value heads null"];
  /** What transformers runs and we do not. */
  const REFUSED = ["llama: attention_bias", "llama: mlp_bias", "another activation"];

  it.each(cases.filter(({ name }) => REFUSED.some((end) => name.endsWith(end))))("refuses $name", ({ config }) => {
    expect(() => parseModelConfig(config)).toThrow(/^config\.json: (attention_bias|mlp_bias|hidden_act): /);
  });

  const failing = cases.filter(({ error, name }) => error !== undefined && !NULLS.some((part) => name.includes(part)));
  it.each(failing)("refuses what transformers cannot run: $name", ({ config }) => {
    expect(() => parseModelConfig(config)).toThrow(/^config\.json: [a-z_.]+: /);
  });

  const running = cases.filter(({ resolved, name }) => resolved && !REFUSED.some((end) => name.endsWith(end)));
  it("covers the cases", () => expect([running.length, failing.length]).toEqual([82, 9]));

  it.each(running)("resolves $name", ({ config: json, resolved }) => {
    const config = parseModelConfig(json);
    const { inverseFrequencies, shapes, epsilon, window } = resolved!;
    const frequencies = inverseFrequencies.map((_, i) =>
      scaleFrequency(1 / config.ropeTheta ** ((2 * i) / config.headDim), config.ropeScaling),
    );
    expect(frequencies).toHaveLength(config.headDim / 2);
    for (const [i, frequency] of frequencies.entries())
      expect(Math.abs(frequency / inverseFrequencies[i]! - 1)).toBeLessThan(3e-7);
    const specs = weightSpecs(config).filter(({ name }) => !name.includes(".layers.1"));
    expect(
      Object.fromEntries(specs.map((spec) => [spec.name, spec.transposed ? spec.shape.toReversed() : spec.shape])),
    ).toEqual(shapes);
    expect(config.normEpsilon).toBe(epsilon);
    expect(config.maxPositions).toBe(window ?? json.max_position_embeddings);
  });
});
