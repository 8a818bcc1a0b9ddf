import { quoteName } from "../formats/strict-json.ts";
import { between, type JsonFields, type NumberRule, positive, wholeNumber } from "./json-fields.ts";

/**
 * How a model's rotary frequencies are lowered for contexts longer than those of its original training. `linear` divides
 * all frequencies by the factor (Chen et al. 2023). `llama3` divides the low frequencies, keeps the high ones, which
 * distinguish neighbouring tokens, and interpolates between (Llama 3.1). In `originalPositions` tokens, a low frequency
 * makes fewer than `lowFrequencyFactor` turns, and a high one more than `highFrequencyFactor`.
 */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    };

/** What a config.json says about rotary positions. */
export interface RopeSettings {
  readonly theta: number;
  readonly scaling: RopeScaling | undefined;
}

const DEFAULT_THETA = 10_000;

/**
 * Reads θ and the scaling as transformers 5 does. Old files have `rope_theta` at the top and `rope_scaling`; newer ones have
 * both in `rope_parameters`. Where a file has several of them,
 *
 *     object               rope_scaling unless it is empty, otherwise rope_parameters; never a mixture
 *     θ                    the object's rope_theta, otherwise the one at the top, otherwise 10,000
 *     kind                 the object's rope_type, otherwise its type, otherwise default
 *     original positions   the value at the top, otherwise the object's, otherwise max_position_embeddings
 *
 * Adds unsupported settings to the problems of `file` and then returns undefined.
 */
export function readRope(file: JsonFields, maxPositions: number | undefined): RopeSettings | undefined {
  const [old, current] = [file.object("rope_scaling"), file.object("rope_parameters")];
  const from = old === undefined || old.isEmpty ? current : old;
  const topTheta = file.number("rope_theta", positive());
  const theta = from?.number("rope_theta", positive()) ?? topTheta ?? DEFAULT_THETA;
  if (from === undefined) return { theta, scaling: undefined };
  const byLayer = ["full_attention", "sliding_attention"].find((field) => from.has(field));
  if (byLayer !== undefined)
    return from.refuse(byLayer, "rotary positions that differ between layers are not supported");
  const kind = from.string("rope_type") ?? from.string("type") ?? "default";
  if (kind === "default") return { theta, scaling: undefined };
  requireWholeHeads(file, from, kind);
  if (kind === "linear") {
    const factor = from.required("factor", FACTOR);
    return factor === undefined ? undefined : { theta, scaling: { type: "linear", factor } };
  }
  if (kind !== "llama3")
    return from.refuse("rope_type", `${quoteName(kind)} is not supported; use default, linear or llama3`);
  const scaling = readLlama3(file, from, maxPositions);
  return scaling && { theta, scaling };
}

const FACTOR: NumberRule = { must: "a number of at least 1", holds: (value) => value >= 1 };

function readLlama3(file: JsonFields, from: JsonFields, maxPositions: number | undefined): RopeScaling | undefined {
  const factor = from.required("factor", FACTOR);
  const low = from.required("low_freq_factor", positive());
  const high = from.required("high_freq_factor", positive());
  const positions = wholeNumber(1, 10_000_000);
  const inside = from.number("original_max_position_embeddings", positions);
  const originalPositions = file.number("original_max_position_embeddings", positions) ?? inside ?? maxPositions;
  if (low !== undefined && high !== undefined && high <= low) {
    return from.refuse("high_freq_factor", `must be above low_freq_factor, which is ${low}, got ${high}`);
  }
  if (!factor || !low || !high || !originalPositions) return undefined;
  return { type: "llama3", factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions };
}

/** transformers ignores a partial rotation if the positions are not scaled, and cannot run the model if they are. */
function requireWholeHeads(file: JsonFields, from: JsonFields, kind: string): void {
  const holder = from.has("partial_rotary_factor") ? from : file;
  const part = holder.number("partial_rotary_factor", between(0, 1)) ?? 1;
  if (part !== 1) holder.refuse("partial_rotary_factor", `must be 1 with rope_type ${quoteName(kind)}, got ${part}`);
}

/** The scaled frequency, in radians per token. */
export function scaleFrequency(frequency: number, scaling: RopeScaling | undefined): number {
  switch (scaling?.type) {
    case undefined:
      return frequency;
    case "linear":
      return frequency / scaling.factor;
    case "llama3": {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
      const turns = (originalPositions * frequency) / (2 * Math.PI);
      const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return frequency * (kept + (1 - kept) / factor);
    }
  }
}
