/**
 * A LoRA adapter as peft saves it. Layout: huggingface/peft, `src/peft/utils/save_and_load.py` and `src/peft/tuners/lora`;
 * method: Hu et al., "LoRA", 2021. QLoRA and BitFit use the same layout.
 */
import { TrimtabError } from "../../errors.ts";
import type { ModelConfig } from "../../model/config.ts";
import { biasName, checkpointPath, EMBEDDING_PATH, type LinearModule, linearModules } from "../../model/modules.ts";
import { transposed } from "../../model/weights.ts";
import { type Tensor, zeros } from "../../tensor.ts";
import { ADAPTER_CONFIG, adapterFiles } from "../adapter-folder.ts";
import { AdapterTensors } from "../adapter-tensors.ts";
import type { AdapterFormat } from "../method.ts";
import { canonicalLora, countLora, type LoraAdapter, type LoraLayer } from "./adapter.ts";
import {
  type ConfigOptions,
  type LoraConfig,
  loraConfigJson,
  namesNoLayer,
  parseLoraConfig,
} from "./adapter-config.ts";
import { requireOwnCopies } from "./base-copies.ts";
import { takeSaved, withSaved } from "./saved-modules.ts";
import { nameable } from "./targets.ts";

export const loraFormat: AdapterFormat = {
  recognises: ({ peft_type: type, use_dora: dora }) => type === "LORA" && dora !== true,
  async read(folder, base) {
    const config = parseLoraConfig(folder.config, base.config);
    const tensors = new AdapterTensors(folder.tensors);
    const adapter = takeLora(tensors, config, base.config);
    const saved = await takeSaved(tensors, { saved: config.saved, targets: config.targets, base });
    await requireOwnCopies(tensors, { stored: folder.tensors, adapter, base });
    tensors.done();
    return {
      method: "lora",
      delta: withSaved(await canonicalLora(adapter, base), saved),
      parameters: countLora(adapter) + saved.parameters,
    };
  },
};

/** Takes the factors and biases named by the configuration and leaves the other tensors. Throws `invalid_delta`. */
export function takeLora(tensors: AdapterTensors, config: LoraConfig, model: ModelConfig): LoraAdapter {
  const layers = new Map<string, LoraLayer>();
  for (const module of nameable(model)) {
    const { path } = module;
    if (config.targets(path)) layers.set(path, takeLayer(tensors, module, config));
    else if (Object.values(keysOf(path)).some((key) => tensors.has(key))) {
      throw refuse(`there are tensors for ${path}, but target_modules in ${ADAPTER_CONFIG} does not include it`);
    }
  }
  if (layers.size === 0) throw namesNoLayer(config.names);
  const { rankStabilised, start, bias } = config;
  const biases = takeBiases(tensors, { bias, layers }, model);
  return { rankStabilised, layers, biases, ...(start === undefined ? {} : { start }) };
}

/** Takes the base's biases that were trained with the factors of `layers`. Throws `invalid_delta`. */
export function takeBiases(
  tensors: AdapterTensors,
  { bias: trained, layers }: { readonly bias: LoraConfig["bias"]; readonly layers: ReadonlyMap<string, unknown> },
  model: ModelConfig,
): Map<string, Tensor<"f32">> {
  const biases = new Map<string, Tensor<"f32">>();
  for (const { path, bias, out } of linearModules(model)) {
    if (!bias || trained === "none" || (trained === "lora_only" && !layers.has(path))) continue;
    biases.set(path, tensors.take(biasKey(path, layers), [out]));
  }
  return biases;
}

/** The two files of an adapter. Throws `internal_error` when a layer's factors have different ranks. */
export function writeLoraFolder(adapter: LoraAdapter, options: ConfigOptions): Map<string, Uint8Array> {
  return adapterFiles(loraConfigJson(adapter, options), loraTensors(adapter));
}

/** The tensors under peft's names and in its layout. Throws as `writeLoraFolder` does. */
export function loraTensors({ layers, biases }: LoraAdapter): Map<string, Tensor<"f32">> {
  const tensors = new Map<string, Tensor<"f32">>();
  const hasBias = [...layers.values()].some(({ bias }) => bias !== undefined);
  for (const [path, { a, b, bias }] of layers) {
    if (a.shape[1] !== b.shape[0]) {
      throw new TrimtabError(
        "internal_error",
        `the factors of ${path} have different ranks: ${a.shape[1]} and ${b.shape[0]}`,
      );
    }
    const keys = keysOf(path);
    tensors.set(keys.a, transposed(a)).set(keys.b, transposed(b));
    // In peft, either every layer has it or none.
    if (hasBias) tensors.set(keys.bias, bias ?? zeros([b.shape[1]!]));
  }
  for (const [path, bias] of biases) tensors.set(biasKey(path, layers), bias);
  return tensors;
}

/** The part of a tensor's name that identifies its module. */
export const moduleKey = (path: string) => `base_model.model.${checkpointPath(path)}`;

/** In peft, the embedding's factors are bare parameters, and those of linear layers are layers themselves. */
function keysOf(path: string) {
  const key = moduleKey(path);
  return path === EMBEDDING_PATH
    ? { a: `${key}.lora_embedding_A`, b: `${key}.lora_embedding_B`, bias: `${key}.lora_embedding_B.bias` }
    : { a: `${key}.lora_A.weight`, b: `${key}.lora_B.weight`, bias: `${key}.lora_B.bias` };
}

/** peft wraps a layer with factors and keeps the original as `base_layer`. */
function biasKey(path: string, layers: ReadonlyMap<string, unknown>): string {
  return `base_model.model.${layers.has(path) ? biasName(path).replace(/bias$/, "base_layer.bias") : biasName(path)}`;
}

function takeLayer(tensors: AdapterTensors, { path, in: inSize, out }: LinearModule, config: LoraConfig): LoraLayer {
  const keys = keysOf(path);
  const a = tensors.take(keys.a, ["r", inSize]);
  const [found, rank] = [a.shape[0]!, config.rankOf(path)];
  if (found !== rank) {
    throw refuse(`the tensor ${keys.a} has rank ${found}, but r or rank_pattern in ${ADAPTER_CONFIG} gives ${rank}`);
  }
  const b = tensors.take(keys.b, [out, rank]);
  const hasBias = config.biasOfFactors && path !== EMBEDDING_PATH;
  return {
    a: transposed(a),
    b: transposed(b),
    alpha: config.alphaOf(path),
    ...(hasBias ? { bias: tensors.take(keys.bias, [out]) } : {}),
  };
}

function refuse(problem: string): TrimtabError {
  return new TrimtabError("invalid_delta", problem);
}
