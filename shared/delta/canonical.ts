/**
 * The form in which a delta is served, whatever method made it: the terms added to each part of the model.
 *
 *     linear layer    y = (1 + Σ wᵢ(sᵢ − 1)) ⊙ xW + bias + Σ wᵢ (xAᵢ)Bᵢ + Σ wᵢ bᵢ
 *     block           Σ wᵢ (f((y·D) ⊙ fromOutput + (x·D) ⊙ fromStream + c) U + u), x the stream and y the block's output
 *     embedding       Σ wᵢ (A row of the token) B
 *     prompt, prefix  embeddings, or keys and values, before the text: at most one of each, with a weight of 1
 *
 * The file is a safetensors file of float32 tensors with the names below and every scale folded in. Equal deltas have equal
 * bytes, so the file's digest identifies the delta.
 *
 *     {path}.A [in, R]  {path}.B [R, out]  {path}.s [out]  {path}.b [out]
 *     {block}.down [D, M]  .down_bias [M]  .up [M, D]  .up_bias [D]  .from_output [M]  .from_stream [M]  .silu [M]
 *     embed_tokens.A [V, R]  embed_tokens.B [R, D]
 *     prompt [n, D]
 *     prefix.{layer}.key [n, K·P]  prefix.{layer}.value [n, K·P]
 */
import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Tensor } from "../tensor.ts";
import { readCanonicalParts } from "./canonical-parts.ts";

export const SERVING_FILE = "serving.safetensors";
const FORMAT = "trimtab.serving/1";

/** The change to one linear layer. `a` and `b` are either both present or both absent. */
export interface CanonicalModule {
  /** A [in, R] */
  readonly a?: Tensor<"f32">;
  /** B [R, out] */
  readonly b?: Tensor<"f32">;
  /** s [out]: multiplies xW. */
  readonly scale?: Tensor<"f32">;
  /** b [out]: added to the output. */
  readonly bias?: Tensor<"f32">;
}

/**
 * The bottleneck adapters of one block side by side, M columns in total. f(z) is SiLU for columns where `silu` is 1 and ReLU
 * where it is 0. Each column reads the block's output, the stream before the block, or their sum.
 */
export interface CanonicalBottleneck {
  /** [D, M] */
  readonly down: Tensor<"f32">;
  /** [M] */
  readonly downBias: Tensor<"f32">;
  /** [M, D] */
  readonly up: Tensor<"f32">;
  /** [D]; added to the stream after the block. */
  readonly upBias: Tensor<"f32">;
  /** [M] of zeros and ones, like the next two. */
  readonly fromOutput: Tensor<"f32">;
  readonly fromStream: Tensor<"f32">;
  readonly silu: Tensor<"f32">;
}

export interface CanonicalDelta {
  /** By module path, including `lm_head`. */
  readonly linears: ReadonlyMap<string, CanonicalModule>;
  /** By block path, as `blockPaths` lists them. */
  readonly bottlenecks: ReadonlyMap<string, CanonicalBottleneck>;
  /** A [V, R] and B [R, D]. */
  readonly embedding?: { readonly a: Tensor<"f32">; readonly b: Tensor<"f32"> };
  /** [n, D] */
  readonly prompt?: Tensor<"f32">;
  /** One pair of [n, K·P] per layer. Keys are as attention compares them: do not rotate them. */
  readonly prefix?: readonly { readonly key: Tensor<"f32">; readonly value: Tensor<"f32"> }[];
}

/** The delta without any parts. */
export const NO_DELTA: CanonicalDelta = { linears: new Map(), bottlenecks: new Map() };

/** The delta's tensors under their names in the file. */
export function canonicalTensors(delta: CanonicalDelta): Map<string, Tensor<"f32">> {
  const named: (readonly [string, Tensor<"f32"> | undefined])[] = [];
  for (const [path, { a, b, scale, bias }] of delta.linears) {
    named.push([`${path}.A`, a], [`${path}.B`, b], [`${path}.s`, scale], [`${path}.b`, bias]);
  }
  for (const [path, { down, downBias, up, upBias, fromOutput, fromStream, silu }] of delta.bottlenecks) {
    named.push(
      [`${path}.down`, down],
      [`${path}.down_bias`, downBias],
      [`${path}.up`, up],
      [`${path}.up_bias`, upBias],
    );
    named.push([`${path}.from_output`, fromOutput], [`${path}.from_stream`, fromStream], [`${path}.silu`, silu]);
  }
  named.push(["embed_tokens.A", delta.embedding?.a], ["embed_tokens.B", delta.embedding?.b], ["prompt", delta.prompt]);
  for (const [layer, { key, value }] of delta.prefix?.entries() ?? []) {
    named.push([`prefix.${layer}.key`, key], [`prefix.${layer}.value`, value]);
  }
  return new Map(named.filter((entry): entry is readonly [string, Tensor<"f32">] => entry[1] !== undefined));
}

export function encodeCanonical(delta: CanonicalDelta): Uint8Array {
  const tensors = [...canonicalTensors(delta)].map(([name, { shape, data }]): readonly [string, SafetensorsTensor] => [
    name,
    { dtype: "F32", shape, bytes: fromF32(data, "F32") },
  ]);
  return writeSafetensors(new Map(tensors), { format: FORMAT });
}

/**
 * Reads a serving file for a base model. Throws `invalid_delta`, naming the tensor that is unknown, missing, of the wrong
 * shape or dtype, or not finite.
 */
export function decodeCanonical(bytes: Uint8Array, model: ModelConfig): CanonicalDelta {
  const { metadata, tensors } = parseSafetensors(bytes, { code: "invalid_delta", name: SERVING_FILE, finite: true });
  if (metadata.format !== FORMAT) {
    throw new TrimtabError(
      "invalid_delta",
      `${SERVING_FILE} has the format ${quoteName(metadata.format ?? "unknown")}; expected ${FORMAT}`,
    );
  }
  return readCanonicalParts(tensors, model, SERVING_FILE);
}

/** Whether applying the delta would leave every output unchanged. */
export function changesNothing(delta: CanonicalDelta): boolean {
  const all = (tensor: Tensor<"f32"> | undefined, value: number) =>
    tensor === undefined || tensor.data.every((element) => element === value);
  const noProduct = (a: Tensor<"f32"> | undefined, b: Tensor<"f32"> | undefined) =>
    b === undefined || all(b, 0) || all(a, 0);
  return (
    [...delta.linears.values()].every(({ a, b, scale, bias }) => noProduct(a, b) && all(scale, 1) && all(bias, 0)) &&
    [...delta.bottlenecks.values()].every(({ up, upBias }) => all(up, 0) && all(upBias, 0)) &&
    noProduct(delta.embedding?.a, delta.embedding?.b) &&
    delta.prompt === undefined &&
    delta.prefix === undefined
  );
}
