import { readFileSync } from "node:fs";
import { parseSafetensors, toF32 } from "../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { loadWeights, transposed } from "../../shared/model/weights.ts";
import { f32, i64, scalar, type Tensor, tensor } from "../../shared/tensor.ts";

/** The tiny decoder that the LoRA and full fine-tuning goldens start from, and the one batch they train on. */
const golden = (path: string) => readFileSync(new URL(`../golden/${path}`, import.meta.url));

export const readGoldenJson = <T>(path: string): T => JSON.parse(golden(path).toString("utf8")) as T;

export function goldenBase() {
  const config = parseModelConfig(readGoldenJson("llama/plain/config.json"));
  const weights = loadWeights(config, parseSafetensors(golden("llama/plain/model.safetensors")).tensors);
  return { config, weights };
}

interface PackedTensor {
  readonly shape: readonly [number, number];
  readonly data: readonly number[];
}

export interface GoldenTraining {
  readonly loss: number;
  readonly inputIds: PackedTensor;
  readonly labels: PackedTensor;
  readonly trainedTokens: number;
  readonly training: {
    readonly steps: number;
    readonly learningRate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
    readonly maxGradNorm: number;
    readonly losses: readonly number[];
    readonly gradNorms: readonly number[];
  };
}

/** The feeds of a batch whose labels are not shifted yet, as transformers takes them: −100 is not trained. */
export function goldenFeeds({
  inputIds,
  labels,
  trainedTokens,
}: Pick<GoldenTraining, "inputIds" | "labels" | "trainedTokens">): Record<string, Tensor> {
  const [rows, length] = inputIds.shape;
  const cells = Array.from({ length: rows * length }, (_, i) => ({ row: Math.floor(i / length), column: i % length }));
  const next = cells.map(({ row, column }) => (column + 1 < length ? labels.data[row * length + column + 1]! : -100));
  return {
    tokens: i64([rows, length], inputIds.data),
    positions: i64(
      [rows, length],
      cells.map(({ column }) => column),
    ),
    segments: tensor("i32", [rows, length], new Int32Array(rows * length)),
    targets: i64(
      [rows, length],
      next.map((label) => Math.max(label, 0)),
    ),
    weights: f32(
      [rows, length],
      next.map((label) => (label < 0 ? 0 : 1)),
    ),
    total: scalar("f32", trainedTokens),
  };
}

/** LoRA factors from a PEFT file, under the names and in the layout of the graph. */
export function goldenFactors(path: string): Map<string, Tensor<"f32">> {
  const { tensors } = parseSafetensors(golden(path));
  return new Map(
    [...tensors].map(([name, stored]) => {
      const short = name.replace("base_model.model.model.", "").replace(".weight", "");
      return [short, transposed(f32(stored.shape, toF32(stored)))];
    }),
  );
}

/** The tensors of a weight file, by their own names, in the layout of the graph. */
export function goldenTensors(path: string, isTransposed: (name: string) => boolean): Map<string, Tensor<"f32">> {
  const { tensors } = parseSafetensors(golden(path));
  return new Map(
    [...tensors].map(([name, stored]) => {
      const value = f32(stored.shape, toF32(stored));
      return [name, isTransposed(name) ? transposed(value) : value];
    }),
  );
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
