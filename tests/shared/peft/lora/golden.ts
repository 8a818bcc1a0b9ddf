import type { ModelConfig } from "../../../../shared/model/config.ts";
import { biasName } from "../../../../shared/model/modules.ts";
import { transposed } from "../../../../shared/model/weights.ts";
import { AdapterTensors } from "../../../../shared/peft/adapter-tensors.ts";
import type { LoraAdapter } from "../../../../shared/peft/lora/adapter.ts";
import { parseLoraConfig } from "../../../../shared/peft/lora/adapter-config.ts";
import { attachLora } from "../../../../shared/peft/lora/attach.ts";
import { takeLora } from "../../../../shared/peft/lora/format.ts";
import { LoraSettings } from "../../../../shared/peft/lora/settings.ts";
import type { AdapterFolder, AttachedMethod } from "../../../../shared/peft/method.ts";
import { f32, type Tensor } from "../../../../shared/tensor.ts";
import { goldenFile, type PeftGolden } from "../../../support/peft-golden.ts";

/** peft's configurations of the goldens, as settings. */
const SETTINGS = {
  "lora-all-linear": { r: 1, lora_alpha: 4 },
  "lora-layers": { target_modules: ["k_proj", "up_proj"], layers_to_transform: [1], layers_pattern: "layers" },
  "lora-regex-patterns": {
    target_modules: String.raw`model\.layers\.\d\.(self_attn\.[qk]_proj|mlp\.(gate|down)_proj)`,
    rank_pattern: { gate_proj: 4, "layers\\.0\\..*": 3, "self_attn\\.(q|k)_proj": 1 },
    alpha_pattern: { "model\\.layers\\.1\\.mlp\\.(gate|up)_proj": 10, "\\w+\\.down_proj": 1 },
  },
  "lora-exclude": {
    target_modules: ["v_proj", "o_proj", "up_proj"],
    exclude_modules: ["layers.0.self_attn.v_proj", "o_proj"],
    use_rslora: true,
  },
  "lora-bias-all": { target_modules: ["q_proj", "down_proj"], bias: "all" },
  "lora-bias-only": { target_modules: ["q_proj", "down_proj"], bias: "lora_only" },
  "lora-lora-bias": { target_modules: ["q_proj", "v_proj"], lora_bias: true },
  "lora-embeddings-head": { target_modules: ["embed_tokens", "lm_head", "q_proj"] },
  "lora-embeddings-head-tied": { target_modules: ["embed_tokens", "lm_head", "q_proj"] },
  loraplus: {
    target_modules: ["q_proj", "down_proj", "embed_tokens"],
    bias: "lora_only",
    loraplus_lr_ratio: 16,
    loraplus_lr_embedding: 5e-4,
  },
  pissa: { r: 3, target_modules: ["q_proj", "k_proj", "down_proj"], init_lora_weights: "pissa" },
  olora: { r: 3, target_modules: ["q_proj", "k_proj", "down_proj"], init_lora_weights: "olora" },
};
export type GoldenLora = keyof typeof SETTINGS;
export const GOLDEN_LORAS = Object.keys(SETTINGS) as GoldenLora[];

export const goldenSettings = (name: GoldenLora): LoraSettings =>
  LoraSettings.parse({ type: "lora", r: 2, lora_alpha: 4, ...SETTINGS[name] });

/** The method on the golden's base. */
export const goldenMethod = (name: GoldenLora, { config, weights }: PeftGolden): AttachedMethod =>
  attachLora({ config, weights, seed: 1, settings: goldenSettings(name), encode: () => [], param: "peft" });

/** The trained values of a file under the names and in the layout of the graph; biases as differences from the base's. */
export function goldenParameters(
  name: GoldenLora,
  { weights }: PeftGolden,
  file = "adapter_model.safetensors",
): Map<string, Tensor<"f32">> {
  const found = parametersOf(goldenFile(name, file));
  for (const [parameter, { shape, data }] of found) {
    const [path, isChange] = [parameter.replace(/\.bias_change$/, ""), parameter.endsWith(".bias_change")];
    if (!isChange) continue;
    const base = weights.get(biasName(path))!.data;
    const changed = data.map((value, at) => value - base[at]!);
    found.set(parameter, f32(shape, changed));
  }
  return found;
}

/** peft's gradients under the names of the parameters. */
export function goldenGradients(name: GoldenLora): Map<string, Tensor<"f32">> {
  return parametersOf(goldenFile(name, "grads.safetensors"));
}

/** The adapter without the parts that need the base's weights. */
export function readLora(folder: AdapterFolder, model: ModelConfig): LoraAdapter {
  const tensors = new AdapterTensors(folder.tensors);
  const adapter = takeLora(tensors, parseLoraConfig(folder.config, model), model);
  tensors.done();
  return adapter;
}

function parametersOf(tensors: ReadonlyMap<string, Tensor<"f32">>): Map<string, Tensor<"f32">> {
  return new Map(
    [...tensors].flatMap(([key, tensor]): [string, Tensor<"f32">][] => {
      const name = key.replace(/^base_model\.model\.(model\.)?/, "");
      if (name.endsWith("base_layer.weight")) return [];
      if (name.endsWith("bias")) {
        const bias = name.replace(/\.lora_B\.bias$/, ".lora_bias").replace(/(\.base_layer)?\.bias$/, ".bias_change");
        return [[bias, tensor]];
      }
      return [[name.replace("_embedding", "").replace(".weight", ""), transposed(tensor)]];
    }),
  );
}
