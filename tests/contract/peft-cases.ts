import type { ModelConfig } from "../../shared/model/config.ts";
import { linearModules, parameterCount } from "../../shared/model/modules.ts";
import type { PeftType } from "../../shared/peft/registry.ts";

export interface PeftCase {
  /** Settings as in a job, without the type. */
  readonly settings: object;
  /** The number of trainable parameters, by the method's formula. */
  readonly parameters: (config: ModelConfig) => number;
}

/** Sum over the layers with these names. */
const sum = (
  config: ModelConfig,
  names: readonly string[],
  of: (sizes: { in: number; out: number }) => number,
): number =>
  linearModules(config)
    .filter(({ path }) => names.includes(path.split(".").at(-1)!))
    .reduce((total, sizes) => total + of(sizes), 0);

/** 2·D·M + M + D parameters for each adapter of width M = D / `factor`. */
const adapters = ({ hiddenSize, layers }: ModelConfig, { each, factor }: { each: number; factor: number }): number => {
  const columns = hiddenSize / factor;
  return layers * each * (2 * hiddenSize * columns + columns + hiddenSize);
};

/** Cases for the contract suite. A new registry row needs a row here and must pass the unchanged suite. */
export const PEFT_CASES: { readonly [T in PeftType]: readonly PeftCase[] } = {
  lora: [
    {
      settings: { r: 3, lora_alpha: 5, lora_dropout: 0.1, target_modules: ["q_proj", "v_proj", "down_proj"] },
      parameters: (config) =>
        sum(config, ["q_proj", "v_proj", "down_proj"], ({ in: inSize, out }) => 3 * (inSize + out)),
    },
    {
      settings: { r: 2, target_modules: ["k_proj", "up_proj"], use_gating: true },
      parameters: (config) => sum(config, ["k_proj", "up_proj"], ({ in: inSize, out }) => 2 * (inSize + out) + 1),
    },
    {
      settings: {
        ...{ r: 4, use_rslora: true, target_modules: ".*_proj", exclude_modules: ".*\\.mlp\\..*" },
        ...{ rank_pattern: { o_proj: 2 }, alpha_pattern: { "(q|k)_proj": 3 } },
      },
      parameters: (config) =>
        sum(config, ["q_proj", "k_proj", "v_proj"], ({ in: inSize, out }) => 4 * (inSize + out)) +
        sum(config, ["o_proj"], ({ in: inSize, out }) => 2 * (inSize + out)),
    },
    {
      settings: { r: 2, target_modules: ["embed_tokens", "lm_head", "q_proj"], loraplus_lr_ratio: 4 },
      parameters: (config) =>
        2 * 2 * (config.vocabSize + config.hiddenSize) +
        sum(config, ["q_proj"], ({ in: inSize, out }) => 2 * (inSize + out)),
    },
    {
      settings: { r: 2, target_modules: ["q_proj", "down_proj"], lora_bias: true },
      parameters: (config) => sum(config, ["q_proj", "down_proj"], ({ in: inSize, out }) => 2 * (inSize + out) + out),
    },
    ...["gaussian", "orthogonal", "pissa", "olora"].map((init_lora_weights) => ({
      settings: { r: 2, target_modules: ["lm_head", "v_proj", "gate_proj"], init_lora_weights },
      parameters: (config: ModelConfig) =>
        2 * (config.vocabSize + config.hiddenSize) +
        sum(config, ["v_proj", "gate_proj"], ({ in: inSize, out }) => 2 * (inSize + out)),
    })),
  ],
  qlora: [
    {
      settings: { r: 3, lora_dropout: 0.1, target_modules: ["q_proj", "v_proj", "down_proj"] },
      parameters: (config) =>
        sum(config, ["q_proj", "v_proj", "down_proj"], ({ in: inSize, out }) => 3 * (inSize + out)),
    },
    {
      settings: { r: 2, target_modules: ["up_proj"], bnb_4bit_use_double_quant: false },
      parameters: (config) => sum(config, ["up_proj"], ({ in: inSize, out }) => 2 * (inSize + out)),
    },
  ],
  dora: [
    {
      settings: { r: 3, lora_alpha: 5, lora_dropout: 0.1, target_modules: ["q_proj", "v_proj", "down_proj"] },
      parameters: (config) =>
        sum(config, ["q_proj", "v_proj", "down_proj"], ({ in: inSize, out }) => 3 * (inSize + out) + out),
    },
    {
      settings: { r: 4, use_rslora: true, target_modules: ["o_proj", "up_proj"], rank_pattern: { up_proj: 2 } },
      parameters: (config) =>
        sum(config, ["o_proj"], ({ in: inSize, out }) => 4 * (inSize + out) + out) +
        sum(config, ["up_proj"], ({ in: inSize, out }) => 2 * (inSize + out) + out),
    },
  ],
  adalora: [
    {
      settings: {
        init_r: 4,
        target_r: 2,
        tinit: 3,
        tfinal: 5,
        lora_dropout: 0.1,
        target_modules: ["q_proj", "up_proj"],
      },
      parameters: (config) => sum(config, ["q_proj", "up_proj"], ({ in: inSize, out }) => 4 * (inSize + out + 1)),
    },
    {
      settings: {},
      parameters: (config) =>
        sum(
          config,
          "q k v o gate up down".split(" ").map((name) => `${name}_proj`),
          ({ in: inSize, out }) => 12 * (inSize + out + 1),
        ),
    },
  ],
  bottleneck: [
    {
      settings: { config: "double_seq_bn", reduction_factor: 4, dropout: 0.1 },
      parameters: (config) => adapters(config, { each: 2, factor: 4 }),
    },
    { settings: { config: "seq_bn" }, parameters: (config) => adapters(config, { each: 1, factor: 16 }) },
    { settings: { config: "par_bn" }, parameters: (config) => adapters(config, { each: 1, factor: 2 }) },
    {
      settings: { config: "houlsby", use_gating: true },
      parameters: (config) => adapters(config, { each: 2, factor: 16 }) + 2 * config.layers,
    },
    {
      settings: { config: "scaled_par_bn", reduction_factor: 8, leave_out: [0] },
      parameters: (config) => {
        const { layers } = config;
        return ((adapters(config, { each: 1, factor: 8 }) + layers) / layers) * (layers - 1);
      },
    },
  ],
  ia3: [
    {
      settings: {},
      parameters: (config) => {
        const ofKeysAndValues = sum(config, ["k_proj", "v_proj"], ({ out }) => out);
        return ofKeysAndValues + sum(config, ["down_proj"], ({ in: inSize }) => inSize);
      },
    },
    {
      settings: { target_modules: "all-linear", feedforward_modules: [] },
      parameters: (config) => linearModules(config).reduce((total, { out }) => total + out, 0),
    },
  ],
  bitfit: [
    {
      settings: { add_biases: true, target_modules: ["q_proj", "down_proj"] },
      parameters: (config) => sum(config, ["q_proj", "down_proj"], ({ out }) => out),
    },
  ],
  prompt: [
    { settings: { num_virtual_tokens: 4 }, parameters: ({ hiddenSize }) => 4 * hiddenSize },
    {
      settings: { num_virtual_tokens: 3, prompt_tuning_init: "TEXT", prompt_tuning_init_text: "say it again" },
      parameters: ({ hiddenSize }) => 3 * hiddenSize,
    },
  ],
  prefix: [
    {
      settings: { num_virtual_tokens: 4 },
      parameters: ({ layers, kvHeads, headDim }) => 4 * 2 * layers * kvHeads * headDim,
    },
    {
      settings: { num_virtual_tokens: 3, prefix_projection: true, encoder_hidden_size: 5 },
      parameters: ({ layers, kvHeads, headDim }) => {
        const kv = kvHeads * headDim;
        return 3 * kv + kv * 5 + 5 + 5 * 2 * layers * kv + 2 * layers * kv;
      },
    },
    {
      settings: { num_virtual_tokens: 4, use_gating: true },
      parameters: ({ layers, kvHeads, headDim }) => 4 * 2 * layers * kvHeads * headDim + layers,
    },
    {
      settings: { num_virtual_tokens: 3, init_text: "say it again" },
      parameters: ({ layers, kvHeads, headDim }) => 3 * 2 * layers * kvHeads * headDim,
    },
  ],
  full: [{ settings: {}, parameters: parameterCount }],
};
