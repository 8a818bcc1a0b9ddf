/**
 * The file that holds a delta in its canonical form.
 *
 * It is a safetensors file of float32 tensors with the names below and every scale folded in. Equal deltas have equal bytes,
 * so the file's digest identifies the delta.
 *
 *     {path}.A [in, R]  {path}.B [R, out]  {path}.s [out]  {path}.b [out]
 *     {block}.down [D, M]  .down_bias [M]  .up [M, D]  .up_bias [D]  .from_output [M]  .from_stream [M]  .silu [M]
 *     embed_tokens.A [V, R]  embed_tokens.B [R, D]
 *     prompt [n, D]
 *     prefix.{layer}.key [n, K·P]  prefix.{layer}.value [n, K·P]
 *     scorer.*, as `scorer-file.ts` lists them
 */
import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import type { Tensor } from "../tensor.ts";
import { type CanonicalDelta, NO_DELTA } from "./canonical.ts";
import { readCanonicalParts } from "./canonical-parts.ts";
import { scorerMetadata, scorerTensors, splitScorer } from "./scorer-file.ts";

export const SERVING_FILE = "serving.safetensors";
const FORMAT = "trimtab.serving/1";

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
  named.push(...scorerTensors(delta.scorer));
  return new Map(named.filter((entry): entry is readonly [string, Tensor<"f32">] => entry[1] !== undefined));
}

export function encodeCanonical(delta: CanonicalDelta): Uint8Array {
  const tensors = [...canonicalTensors(delta)].map(([name, { shape, data }]): readonly [string, SafetensorsTensor] => [
    name,
    { dtype: "F32", shape, bytes: fromF32(data, "F32") },
  ]);
  return writeSafetensors(new Map(tensors), { format: FORMAT, ...scorerMetadata(delta.scorer) });
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
  const { scorer, others } = splitScorer({ metadata, tensors, model, fileName: SERVING_FILE });
  if (scorer === undefined) return readCanonicalParts(others, model, SERVING_FILE);
  return { ...(others.size === 0 ? NO_DELTA : readCanonicalParts(others, model, SERVING_FILE)), scorer };
}
