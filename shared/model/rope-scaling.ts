import { z } from "zod";

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

/** `rope_parameters` of transformers 5, or `rope_scaling` of older files, where `rope_type` may be called `type`. */
export const ropeFileSchema = z.object({
  rope_theta: z.number().positive().nullish(),
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  factor: z.number().min(1).nullish(),
  low_freq_factor: z.number().positive().nullish(),
  high_freq_factor: z.number().positive().nullish(),
  original_max_position_embeddings: z.number().int().min(1).nullish(),
});
type RopeFile = z.infer<typeof ropeFileSchema>;

/** The scaling specified in a file; undefined for none. Calls `refuse` with a field that is not supported. */
export function parseRopeScaling(
  file: RopeFile,
  refuse: (field: string, reason: string) => never,
): RopeScaling | undefined {
  const kind = file.rope_type ?? file.type ?? "default";
  const required = (field: "factor" | "low_freq_factor" | "high_freq_factor" | "original_max_position_embeddings") =>
    file[field] ?? refuse(field, `required for ${kind}`);
  switch (kind) {
    case "default":
      return undefined;
    case "linear":
      return { type: "linear", factor: required("factor") };
    case "llama3": {
      const [low, high] = [required("low_freq_factor"), required("high_freq_factor")];
      if (high <= low) refuse("high_freq_factor", `must be above low_freq_factor, which is ${low}, got ${high}`);
      const originalPositions = required("original_max_position_embeddings");
      const factors = { factor: required("factor"), lowFrequencyFactor: low, highFrequencyFactor: high };
      return { type: "llama3", ...factors, originalPositions };
    }
    default:
      return refuse("rope_type", `${kind} is not supported; use default, linear or llama3`);
  }
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
