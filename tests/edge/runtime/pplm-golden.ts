/** Texts that a reference loop decoded with a perturbed memory, in float64, and the models that it ran. */
import { type RowDeltas, rowDeltas, servingDelta } from "../../../edge/runtime/serving-delta.ts";
import type { Scorer, ScorerAbout } from "../../../shared/delta/scorer.ts";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { readWeights, type Weights } from "../../../shared/model/weights.ts";
import { readAdapterFolder } from "../../../shared/peft/adapter-folder.ts";
import { ADAPTER_FORMATS } from "../../../shared/peft/registry.ts";
import { f32 } from "../../../shared/tensor.ts";
import json from "../../golden/decode/pplm.json";
import tensorFile from "../../golden/decode/pplm.safetensors?url&inline";
import llamaConfig from "../../golden/llama/plain/config.json";
import llamaFile from "../../golden/llama/plain/model.safetensors?url&inline";
import qwenConfig from "../../golden/llama/qwen2/config.json";
import qwenFile from "../../golden/llama/qwen2/model.safetensors?url&inline";
import kindConfig from "../../golden/lora/adapter/adapter_config.json";
import kindFile from "../../golden/lora/adapter/adapter_model.safetensors?url&inline";
import rudeConfig from "../../golden/lora/regex-targets-f16/adapter_config.json";
import rudeFile from "../../golden/lora/regex-targets-f16/adapter_model.safetensors?url&inline";
import { bytesOf } from "../support/stored-folder.ts";

interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface GoldenText {
  readonly name: string;
  readonly model: string;
  readonly text: string | null;
  readonly judge: string | null;
  readonly prompts: { readonly text: readonly number[]; readonly judge: readonly number[] };
  readonly asked: Readonly<Record<string, unknown>>;
  readonly scorer: { readonly weight: Packed; readonly bias: Packed; readonly about: ScorerAbout };
  readonly tokens: readonly number[];
  readonly losses: readonly (readonly number[])[];
  readonly smallestLead: number;
}

export const GOLDEN_TEXTS = json.cases as unknown as readonly GoldenText[];
const { tensors } = parseSafetensors(bytesOf(tensorFile));

/** A tensor of a case's; undefined where the reference kept none. */
export function goldenTensor(name: string): Float32Array | undefined {
  const tensor = tensors.get(name);
  return tensor === undefined ? undefined : toF32(tensor);
}

const MODELS: Readonly<Record<string, readonly [config: unknown, file: string]>> = {
  "llama/plain": [llamaConfig, llamaFile],
  "llama/qwen2": [qwenConfig, qwenFile],
};
const ADAPTERS: Readonly<Record<string, readonly [config: unknown, file: string]>> = {
  "lora/adapter": [kindConfig, kindFile],
  "lora/regex-targets-f16": [rudeConfig, rudeFile],
};

export async function goldenBase(name: string): Promise<{ readonly config: ModelConfig; readonly weights: Weights }> {
  const [stated, file] = MODELS[name]!;
  const config = parseModelConfig(stated);
  const bytes = async () => bytesOf(file);
  return { config, weights: await readWeights(config, { names: ["model.safetensors"], bytes }) };
}

/** The deltas of a row with that adapter, and with a scorer. */
export async function goldenDeltas(
  adapter: string | null,
  { config, weights }: { readonly config: ModelConfig; readonly weights: Weights },
): Promise<RowDeltas> {
  if (adapter === null) return rowDeltas([]);
  const [stated, file] = ADAPTERS[adapter]!;
  const files = new Map([
    ["adapter_config.json", new TextEncoder().encode(JSON.stringify(stated))],
    ["adapter_model.safetensors", bytesOf(file)],
  ]);
  const weight = async (tensor: string) => weights.get(tensor)!;
  const { delta } = await readAdapterFolder(files, { config, weight }, ADAPTER_FORMATS);
  return rowDeltas([{ delta: servingDelta(adapter, delta), weight: 1 }]);
}

export function goldenScorer({ scorer: { weight, bias, about } }: GoldenText): Scorer {
  return { weight: f32(weight.shape, weight.data), bias: f32(bias.shape, bias.data), about };
}
