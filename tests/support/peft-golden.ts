import { readFileSync } from "node:fs";
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { canonicalRewrite, prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import { parseSafetensors, type SafetensorsTensor, toF32, writeSafetensors } from "../../shared/formats/safetensors.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import type { AttachedMethod, BaseAccess } from "../../shared/peft/method.ts";
import { f32, type Tensor, zeros } from "../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { slots } from "../../trainer/optim/adamw.ts";
import { frozenTensors, trainingGraph } from "../../trainer/recipes/causal-graphs.ts";
import { type GoldenModel, goldenModel } from "../shared/model/golden-models.ts";
import { goldenFeeds } from "../trainer/golden-llama.ts";
import { NO_METHOD } from "./peft.ts";

/** What peft saved and computed in one case; `tests/golden/make/peft_cases.py` says what is recorded. */
export interface PeftGolden {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly base: BaseAccess;
  /** `adapter_config.json` and `adapter_model.safetensors`. */
  readonly folder: ReadonlyMap<string, Uint8Array>;
  readonly json: GoldenJson;
}

export interface GoldenJson {
  /** Such as `llama/plain`. */
  readonly base: string;
  readonly inputIds: Packed;
  readonly labels: Packed;
  readonly trainedTokens: number;
  readonly trainableParameters: number;
  readonly loss: number;
  /** [B, T, V] at the text's positions. */
  readonly logits: { readonly data: readonly number[] };
  readonly [field: string]: unknown;
}

interface Packed {
  readonly shape: readonly [number, number];
  readonly data: readonly number[];
}

const read = (path: string) => new Uint8Array(readFileSync(new URL(`../golden/peft/${path}`, import.meta.url)));

export async function peftGolden(name: string): Promise<PeftGolden> {
  const json = JSON.parse(new TextDecoder().decode(read(`${name}/golden.json`))) as GoldenJson;
  const { config, weights } = await goldenModel(json.base.replace("llama/", "") as GoldenModel);
  return {
    config,
    weights,
    base: { config, weight: async (weight) => weights.get(weight)! },
    folder: goldenFiles(name),
    json,
  };
}

/** The two files of a folder that peft saved. */
export function goldenFiles(name: string): Map<string, Uint8Array> {
  return new Map(["adapter_config.json", "adapter_model.safetensors"].map((file) => [file, read(`${name}/${file}`)]));
}

/** The tensors of a case's file, `grads.safetensors` for one, as they are stored. */
export function goldenFile(name: string, file: string): Map<string, Tensor<"f32">> {
  const { tensors } = parseSafetensors(read(`${name}/${file}`));
  return new Map([...tensors].map(([key, tensor]) => [key, f32(tensor.shape, toF32(tensor))]));
}

/** A folder with fields of its configuration changed; those that become undefined are left out. */
export function withConfig(
  folder: ReadonlyMap<string, Uint8Array>,
  changes: Readonly<Record<string, unknown>>,
): Map<string, Uint8Array> {
  const json = JSON.parse(new TextDecoder().decode(folder.get("adapter_config.json")!)) as object;
  const changed = JSON.stringify({ ...json, ...changes });
  return new Map([...folder, ["adapter_config.json", new TextEncoder().encode(changed)]]);
}

/** A folder with its tensors changed by `change`, which may mutate the map. */
export function withTensors(
  folder: ReadonlyMap<string, Uint8Array>,
  change: (tensors: Map<string, SafetensorsTensor>) => void,
): Map<string, Uint8Array> {
  const { metadata, tensors } = parseSafetensors(folder.get("adapter_model.safetensors")!);
  const changed = new Map(tensors);
  change(changed);
  return new Map([...folder, ["adapter_model.safetensors", writeSafetensors(changed, metadata)]]);
}

/** A delta as a method without parameters of its own. */
export function served(config: ModelConfig, delta: CanonicalDelta): AttachedMethod {
  return {
    ...NO_METHOD,
    rewrite: ({ b, positions }) => canonicalRewrite(b, config, delta, positions),
    virtualTokens: virtualTokens(delta),
    prefixTokens: prefixTokens(delta),
  };
}

const executor = createOnnxRuntimeExecutor({ threads: 1 });

/** The golden's batch behind the placeholders that the method wants. */
export function batchOf({ json }: PeftGolden, { virtualTokens: virtual = 0 }: AttachedMethod) {
  const [rows, length] = json.inputIds.shape;
  const behind = ({ data }: Packed, filler: number): Packed => ({
    shape: [rows, virtual + length],
    data: Array.from({ length: rows }, (_, row) => [
      ...new Array<number>(virtual).fill(filler),
      ...data.slice(row * length, (row + 1) * length),
    ]).flat(),
  });
  const feeds = goldenFeeds({
    inputIds: behind(json.inputIds, 0),
    labels: behind(json.labels, -100),
    trainedTokens: json.trainedTokens,
  });
  return { feeds, shape: { rows, tokens: virtual + length }, virtual };
}

/** Logits [B, T, V] of the text's positions, by the method's own graph outside training. */
export async function logitsOf(
  golden: PeftGolden,
  method: AttachedMethod,
  values: ReadonlyMap<string, Tensor> = new Map(),
): Promise<number[]> {
  const { config, weights } = golden;
  const { feeds, shape, virtual } = batchOf(golden, method);
  const b = new GraphBuilder("logits");
  const types = new Map<string, Pick<Tensor, "dtype" | "shape">>(method.frozen);
  for (const { name, shape: size } of method.parameters) types.set(name, { dtype: "f32", shape: size });
  const ofBase = new Set(weightSpecs(config).map(({ name }) => name));
  const made = new Map<string, ReturnType<typeof b.input>>();
  const parameter = (name: string) => {
    const { dtype, shape: size } = types.get(name)!;
    const value = made.get(name) ?? b.input(name, dtype, size);
    made.set(name, value);
    return value;
  };
  const { logits } = trainingForward(b, config, shape, {
    prefixTokens: method.prefixTokens ?? 0,
    rewrite: (positions, weight) => {
      const random = () => {
        throw new Error("nothing is drawn outside training");
      };
      return method.rewrite?.({ b, config, parameter, weight, random, positions, training: false }) ?? {};
    },
  });
  const program = await executor.compile(b.build({ logits }), { bindings: frozenTensors(weights, method) });
  const { tokens, positions, segments } = feeds as Record<"tokens" | "positions" | "segments", Tensor>;
  const given = [...values].filter(([name]) => made.has(name) || ofBase.has(name));
  const result = await program.run({ tokens, positions, segments, ...Object.fromEntries(given) });
  await program.dispose();
  const all = Array.from(result.logits!.data as Float32Array);
  const row = shape.tokens * config.vocabSize;
  return Array.from({ length: shape.rows }, (_, i) =>
    all.slice(i * row + virtual * config.vocabSize, (i + 1) * row),
  ).flat();
}

/** The loss of the golden's batch, and the gradient of every parameter by its name. */
export async function gradientsOf(
  golden: PeftGolden,
  method: AttachedMethod,
  values: ReadonlyMap<string, Tensor>,
  masks: Readonly<Record<string, Tensor>> = {},
): Promise<{ loss: number; gradients: Map<string, Tensor<"f32">> }> {
  const { config, weights } = golden;
  const { feeds, shape } = batchOf(golden, method);
  const program = await executor.compile(trainingGraph({ config, method, shape }), {
    bindings: frozenTensors(weights, method),
  });
  const accumulators = method.parameters.map(({ name, shape: size }) => [slots(name).gradient, zeros(size)] as const);
  const result = await program.run({ ...feeds, ...masks, ...Object.fromEntries([...values, ...accumulators]) });
  await program.dispose();
  return {
    loss: Number(result.loss!.data[0]),
    gradients: new Map(
      method.parameters.map(({ name }) => [name, result[slots(name).gradient] as Tensor<"f32">] as const),
    ),
  };
}
