/**
 * Writes a model derived from a base as a Hugging Face folder. All weights go into one float32 file, because a short
 * training run changes many of them by less than a 16-bit float can resolve.
 */
import { fromF32, startSafetensors } from "../formats/safetensors.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { type ModelFiles, readModelJson, wholeFile } from "./model-folder.ts";
import { weightSpecs } from "./modules.ts";
import { weightForFile } from "./weights.ts";

export const WEIGHT_FILE = "model.safetensors";
const CONFIG_FILE = "config.json";

/** The files copied from the base's folder unchanged. Weights, index and model card are not. */
export const KEPT_FILES =
  /^(tokenizer|tokenizer_config|special_tokens_map|generation_config)\.json$|^chat_template\.jinja$/;

export interface NewModel {
  readonly config: ModelConfig;
  /** The base's folder. Only `config.json` and the tokenizer's files are read. */
  readonly base: ModelFiles;
  /** Returns a weight in the layout of `weightSpecs`. Called when that weight is written. */
  readonly weight: (name: string) => Tensor<"f32"> | Promise<Tensor<"f32">>;
}

/** Every file except the weights. Throws `invalid_model` when the base's config.json cannot be read. */
export function smallFiles({ config, base }: Pick<NewModel, "config" | "base">): Map<string, Uint8Array> {
  const json = readModelJson(base, CONFIG_FILE) as Record<string, unknown>;
  // Transformers before version 5 writes `torch_dtype` instead of `dtype`; of both, it reads `dtype`.
  const { dtype, torch_dtype: oldDtype, ...others } = json;
  const changed = {
    ...others,
    ...(dtype === undefined && oldDtype !== undefined ? { torch_dtype: "float32" } : { dtype: "float32" }),
    ...(config.tied ? {} : { tie_word_embeddings: false }),
  };
  const kept = [...base.keys()].filter((name) => KEPT_FILES.test(name));
  const files = new Map(kept.map((name) => [name, wholeFile(base, name)!]));
  return files.set(CONFIG_FILE, new TextEncoder().encode(`${JSON.stringify(changed, null, 2)}\n`));
}

/** `model.safetensors` in pieces of at most one weight. */
export async function* weightFile({ config, weight }: Pick<NewModel, "config" | "weight">): AsyncGenerator<Uint8Array> {
  const specs = new Map(weightSpecs(config).map((spec) => [spec.name, spec]));
  const entries = [...specs].map(([name, { shape, transposed }]) => {
    return [name, { dtype: "F32", shape: transposed ? shape.toReversed() : shape }] as const;
  });
  const { start, order } = startSafetensors(new Map(entries), { format: "pt" });
  yield start;
  for (const name of order) yield fromF32(weightForFile(specs.get(name)!, await weight(name)).data, "F32");
}

/** The whole folder in memory. */
export async function modelFolder(model: NewModel): Promise<Map<string, Uint8Array>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of weightFile(model)) pieces.push(piece);
  const weights = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    weights.set(piece, at);
    at += piece.byteLength;
  }
  return smallFiles(model).set(WEIGHT_FILE, weights);
}
