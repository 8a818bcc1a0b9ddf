import { readFileSync } from "node:fs";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";
import { transposed } from "../../../shared/model/weights.ts";
import { parameterNames } from "../../../shared/peft/bottleneck/adapter.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import type { GoldenJson, PeftGolden } from "../../support/peft-golden.ts";
import { goldenModel } from "../model/golden-models.ts";

/** Sums of golden adapters, and the settings that make the same list here, in the golden's order. */
export const GOLDEN_COMBINATIONS = {
  mam: [
    { type: "prefix", num_virtual_tokens: 4 },
    { type: "bottleneck", config: "par_bn", reduction_factor: 4 },
  ],
  unipelt: [
    { type: "lora", r: 4, lora_alpha: 8, target_modules: ["q_proj", "v_proj", "down_proj"] },
    { type: "prefix", num_virtual_tokens: 4 },
    { type: "bottleneck", config: "seq_bn", reduction_factor: 8 },
  ],
  prompted: [
    { type: "lora", r: 4, lora_alpha: 8, target_modules: ["q_proj", "v_proj", "down_proj"] },
    { type: "prompt", num_virtual_tokens: 5 },
    { type: "bottleneck", config: "double_seq_bn", reduction_factor: 8 },
  ],
} as const satisfies Readonly<Record<string, readonly object[]>>;
export type GoldenCombination = keyof typeof GOLDEN_COMBINATIONS;
export const COMBINATIONS = Object.keys(GOLDEN_COMBINATIONS) as GoldenCombination[];

const read = (path: string) => new Uint8Array(readFileSync(new URL(`../../golden/${path}`, import.meta.url)));
const weightsFileOf = (folder: string) =>
  folder.includes("bottleneck") ? "adapter.safetensors" : "adapter_model.safetensors";

export interface CombinedGolden extends PeftGolden {
  /** The folders that were added up, such as `peft/prefix`. */
  readonly folders: readonly string[];
}

export async function combinedGolden(name: GoldenCombination): Promise<CombinedGolden> {
  const json = JSON.parse(new TextDecoder().decode(read(`combined/${name}.json`))) as GoldenJson;
  const { config, weights } = await goldenModel("plain");
  const base = { config, weight: async (weight: string) => weights.get(weight)! };
  return { config, weights, base, folder: new Map(), json, folders: json.folders as readonly string[] };
}

/** The two files of one of the folders. */
export function combinedFolder(folder: string): Map<string, Uint8Array> {
  const files = ["adapter_config.json", weightsFileOf(folder)];
  return new Map(files.map((file) => [file, read(`${folder}/${file}`)]));
}

/** The tensors of all folders, under the names of a list's parameters and in the layout of the graph. */
export function combinedValues({ folders }: CombinedGolden): Map<string, Tensor<"f32">> {
  const entries = folders.flatMap((folder, index) => {
    const { tensors } = parseSafetensors(read(`${folder}/${weightsFileOf(folder)}`));
    return [...tensors].map(([key, stored]) => named(index, key, f32(stored.shape, toF32(stored))));
  });
  return new Map(entries);
}

/** Their gradients, in the same way. */
export function combinedGradients(name: GoldenCombination, { folders }: CombinedGolden): Map<string, Tensor<"f32">> {
  const { tensors } = parseSafetensors(read(`combined/${name}.safetensors`));
  const entries = [...tensors].map(([path, stored]) => {
    const index = folders.findIndex((folder) => path.startsWith(`${folder}/`));
    return named(index, path.slice(folders[index]!.length + 1), f32(stored.shape, toF32(stored)));
  });
  return new Map(entries);
}

function named(index: number, key: string, value: Tensor<"f32">): readonly [string, Tensor<"f32">] {
  if (key === "prompt_embeddings") return [`${index}.${key}`, value];
  const laid = value.shape.length === 2 ? transposed(value) : value;
  const adapter = /^model\.(layers\.\d+)\.(\w+)_adapters\.adapters\.bn\.adapter_(down|up)\.(?:0\.)?(weight|bias)$/.exec(
    key,
  );
  if (adapter === null) return [`${index}.${key.replace("base_model.model.model.", "").replace(".weight", "")}`, laid];
  const [, layer, block, way, kind] = adapter;
  const names = parameterNames(`${layer}.${block === "attention" ? "self_attn" : "mlp"}`);
  const part = `${way}${kind === "bias" ? "Bias" : ""}` as keyof typeof names;
  return [`${index}.${names[part]}`, laid];
}
