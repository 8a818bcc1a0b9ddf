import { z } from "zod";
import type { ComparedMethod } from "../peft/compare.ts";
import { ChosenSettings, PRESET_TYPES } from "../peft/presets.ts";
import { PEFT_METHODS } from "../peft/registry.ts";

export const PeftComparisonRequest = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .max(300)
      .meta({ description: "A base model, an alias, or one of your own models, which has its base's shapes" }),
    methods: z
      .array(ChosenSettings)
      .min(1)
      .max(64)
      .optional()
      .meta({ description: "Defaults to every method with its default settings" }),
  })
  .meta({ id: "PeftComparisonRequest" });

export const PeftComparisonRow = z
  .strictObject({
    type: z.enum([...Object.keys(PEFT_METHODS), ...PRESET_TYPES]),
    config: z.record(z.string(), z.unknown()).meta({ description: "The settings, with every default filled in" }),
    trainable_parameters: z.int().nullable(),
    delta_bytes: z
      .int()
      .nullable()
      .meta({ description: "The size of the published delta, including its serving form" }),
    training_peak_bytes: z.int().nullable().meta({ description: "Estimated, for a batch of 8 rows of 128 tokens" }),
    training_ms_per_token: z.number().nullable().meta({ description: "Estimated, on two CPU cores" }),
    serving_overhead: z.number().nullable().meta({
      description:
        "Estimated relative slowdown of a decoding step of one row: 0.1 means 10% slower. On the embedded base it is within 0.12 of the measured value",
    }),
    mergeable: z.boolean().meta({ description: "Whether it can be folded into the base's weights" }),
    suits: z.string(),
    refused: z
      .string()
      .nullable()
      .meta({ description: "Why the method does not fit the base, in which case the figures are null" }),
  })
  .meta({ id: "PeftComparisonRow" });
export type PeftComparisonRow = z.infer<typeof PeftComparisonRow>;

export const PeftComparison = z
  .strictObject({
    object: z.literal("list"),
    data: z.array(PeftComparisonRow),
    not_served: z
      .string()
      .nullable()
      .meta({ description: "Why the base itself does not fit in this server's memory; null if it does" }),
  })
  .meta({ id: "PeftComparison" });
export type PeftComparison = z.infer<typeof PeftComparison>;

export function comparisonRow({ settings, mergeable, suits, cost, refusal }: ComparedMethod): PeftComparisonRow {
  const { type, ...config } = settings;
  return {
    type,
    config,
    trainable_parameters: cost?.trainableParameters ?? null,
    delta_bytes: cost?.deltaBytes ?? null,
    training_peak_bytes: cost === undefined ? null : Math.round(cost.trainingPeakBytes),
    training_ms_per_token: cost?.trainingMsPerToken ?? null,
    serving_overhead: cost?.servingOverhead ?? null,
    mergeable,
    suits,
    refused: refusal ?? null,
  };
}
