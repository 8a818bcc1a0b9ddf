/** Decides, as transformers does, whether a model's head is its embedding. */
import type { SafetensorsTensor } from "../formats/safetensors.ts";
import { elementCount } from "../tensor.ts";
import type { ModelConfig } from "./config.ts";
import { fileValues } from "./file-values.ts";
import { EMBEDDING, HEAD } from "./modules.ts";

/** The number of values compared at a time. */
const PART = 1 << 18;

/**
 * The tensors under the model's names for them: the file of a tied model may hold the matrix under the head's name
 * only.
 */
export function tiedNames<T>(config: ModelConfig, tensors: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const head = tensors.get(HEAD);
  if (!config.tied || head === undefined || tensors.has(EMBEDDING)) return tensors;
  const renamed = new Map(tensors).set(EMBEDDING, head);
  renamed.delete(HEAD);
  return renamed;
}

/**
 * The configuration of a model with these tensors. Beside `tie_word_embeddings: true`, a head that equals the embedding is
 * redundant, and one that differs is the model's head.
 */
export function resolveTie(config: ModelConfig, tensors: ReadonlyMap<string, SafetensorsTensor>): ModelConfig {
  const [embedding, head] = [tensors.get(EMBEDDING), tensors.get(HEAD)];
  if (!config.tied || embedding === undefined || head === undefined) return config;
  // Wrong shapes and dtypes are reported with those of other tensors.
  if (embedding.shape.join() !== head.shape.join() || ![embedding, head].every(isReadable)) return config;
  const length = elementCount(head.shape);
  for (let start = 0; start < length; start += PART) {
    const end = Math.min(length, start + PART);
    if (valuesDiffer(fileValues(embedding, start, end), fileValues(head, start, end)))
      return { ...config, tied: false };
  }
  return config;
}

export function valuesDiffer(one: Float32Array, other: Float32Array): boolean {
  return one.length !== other.length || one.some((value, at) => value !== other[at]);
}

function isReadable({ dtype }: SafetensorsTensor): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}
