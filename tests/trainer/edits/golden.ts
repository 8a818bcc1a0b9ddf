import { readFileSync } from "node:fs";
import { EditFact } from "../../../shared/edits/fact.ts";
import { parseSafetensors } from "../../../shared/formats/safetensors.ts";
import { type DenseMatrix, matrix } from "../../../shared/linalg/matrix.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { loadWeights } from "../../../shared/model/weights.ts";
import { EditModel } from "../../../trainer/edits/edit-model.ts";
import type { EncodedFact } from "../../../trainer/edits/encoded-fact.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";

export const GOLDEN_MODELS = ["llama", "qwen2"] as const;

interface GoldenFact {
  readonly prompt: readonly number[];
  readonly subject_last: number;
  readonly target: readonly number[];
  readonly kl_prompt: readonly number[];
  readonly kl_subject_last: number;
}

interface PathOptions {
  readonly lr: number;
  readonly steps: number;
  readonly kl_factor: number;
  readonly weight_decay: number;
  readonly stop_below: number;
  readonly clamp: number;
}

interface GoldenJson {
  readonly facts: readonly GoldenFact[];
  readonly contexts: readonly (readonly number[])[];
  readonly text: readonly (readonly number[])[];
  readonly layers: readonly number[];
  readonly batch: readonly number[];
  readonly earlier: readonly number[];
  readonly rome: PathOptions & { readonly layer: number };
  readonly memit: PathOptions & { readonly lambda: number };
  readonly alphaedit: { readonly lambda: number; readonly threshold: number };
  readonly paths: Readonly<Record<string, { readonly losses: readonly { readonly loss: number }[] }>>;
  readonly stopping: { readonly fact: number; readonly stop_below: number };
  readonly nas: {
    readonly anchor: number;
    readonly rome_anchor: number;
    readonly skip_above: number;
    readonly tight_skip_above: number;
    readonly norms: readonly number[];
  };
}

/** A golden of tests/golden/edits, whose README says what everything means. */
export function editGolden(name: (typeof GOLDEN_MODELS)[number]) {
  const read = (file: string) => readFileSync(new URL(`../../golden/edits/${name}/${file}`, import.meta.url));
  const json = JSON.parse(read("golden.json").toString("utf8")) as GoldenJson;
  const config = parseModelConfig(JSON.parse(read("config.json").toString("utf8")));
  const weights = loadWeights(config, parseSafetensors(new Uint8Array(read("model.safetensors"))).tensors);
  const { tensors } = parseSafetensors(new Uint8Array(read("golden.safetensors")));
  const numbers = (entry: string): Float64Array => {
    const { bytes } = tensors.get(entry)!;
    return new Float64Array(new Uint8Array(bytes).buffer);
  };
  return {
    json,
    config,
    weights,
    numbers,
    has: (entry: string) => tensors.has(entry),
    matrix(entry: string): DenseMatrix {
      const [rows, columns] = tensors.get(entry)!.shape as [number, number];
      return matrix(rows, columns, numbers(entry));
    },
    /** Facts by their index, with all contexts or the bare prompt alone. */
    facts(indices: readonly number[], contexts = json.contexts): EncodedFact[] {
      return indices.map((index) => {
        const { prompt, subject_last: last, target, kl_prompt: alone, kl_subject_last: end } = json.facts[index]!;
        return {
          index,
          fact: EditFact.parse({ prompt: `${index}`, subject: `${index}`, target_new: "x" }),
          contexts: contexts.map((prefix) => ({
            ids: Int32Array.from([...prefix, ...prompt]),
            at: prefix.length + last,
          })),
          target,
          subjectAlone: { ids: Int32Array.from(alone.slice(0, end + 1)), at: end },
        };
      });
    },
    model: (executor: Executor, narrow?: (values: Float64Array) => Float32Array) =>
      new EditModel({
        ...{ executor, config, weights, layers: json.layers, yieldToEventLoop: async () => undefined },
        ...(narrow === undefined ? {} : { narrow }),
      }),
  };
}

/** Keeps changed weights in double precision. */
export const asDoubles = (values: Float64Array) => values.slice() as unknown as Float32Array;

/** ‖actual − expected‖ / ‖expected‖ */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(difference / (size || 1));
}
