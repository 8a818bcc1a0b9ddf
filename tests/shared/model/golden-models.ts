import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type ModelConfig, parseModelConfig } from "../../../shared/model/config.ts";
import { readWeights, type Weights } from "../../../shared/model/weights.ts";

/** Tiny decoders that transformers made, saved and ran: grouped heads, a tied bfloat16 head in shards, biases. */
export const GOLDEN_MODELS = ["plain", "tied-sharded-bf16", "qwen2"] as const;
export type GoldenModel = (typeof GOLDEN_MODELS)[number];

interface Packed<Shape extends readonly number[] = readonly [number, number]> {
  readonly shape: Shape;
  readonly data: readonly number[];
}

export interface GoldenOutputs {
  /** [B, T]. */
  readonly inputIds: Packed;
  /** [B, T]: the tokens themselves, −100 where a token is not trained on. */
  readonly labels: Packed;
  readonly trainedTokens: number;
  /** [B, T, V]. */
  readonly logits: Packed<readonly [number, number, number]>;
  readonly loss: number;
  /** [B, 8]: the likeliest continuation of each row. */
  readonly greedy: Packed;
}

export const goldenFolder = (name: GoldenModel) =>
  fileURLToPath(new URL(`../../golden/llama/${name}/`, import.meta.url));

export const goldenJson = <T = unknown>(path: string): T =>
  JSON.parse(readFileSync(new URL(`../../golden/${path}`, import.meta.url), "utf8")) as T;

export const goldenOutputs = (name: GoldenModel) => goldenJson<GoldenOutputs>(`llama/${name}/golden.json`);

export async function goldenModel(name: GoldenModel): Promise<{ config: ModelConfig; weights: Weights }> {
  const folder = goldenFolder(name);
  const config = parseModelConfig(goldenJson(`llama/${name}/config.json`));
  const weights = await readWeights(config, {
    names: readdirSync(folder),
    bytes: async (file) => readFileSync(folder + file),
  });
  return { config, weights };
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((largest, value, i) => {
    const difference = Math.abs(value - b[i]!);
    return difference > largest || Number.isNaN(difference) ? difference : largest;
  }, 0);
}
