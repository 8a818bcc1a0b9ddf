import { z } from "zod";
import { quoteName } from "../../formats/strict-json.ts";
import { LIMITS } from "../../limits.ts";
import { parseModulePattern } from "../module-pattern.ts";
import { ExcludedModules, TargetModules } from "../target-modules.ts";

const Rank = z.int().min(1, "must be at least 1");
const Alpha = z.number().positive().max(65_536);
const layer = z.int().min(0).max(999);
const byPattern = <T extends z.ZodType<number>>(value: T) =>
  z.record(z.string().min(1).max(LIMITS.targetModuleLength), value).superRefine((patterns, context) => {
    const refuse = (message: string) => context.addIssue({ code: "custom", message });
    const keys = Object.keys(patterns);
    if (keys.length > LIMITS.targetModules) refuse(`must have at most ${LIMITS.targetModules} patterns`);
    for (const key of keys) {
      const pattern = parseModulePattern(key);
      if ("problem" in pattern) refuse(`has an unsupported pattern: ${quoteName(key)} ${pattern.problem}`);
    }
  });

/** The layers that get factors, their ranks and their scales. */
const factorFields = {
  r: Rank.default(8),
  lora_alpha: Alpha.default(16),
  lora_dropout: z.number().min(0).lt(1).default(0),
  use_rslora: z.boolean().default(false).meta({ description: "Scale by alpha / √r instead of alpha / r" }),
  target_modules: TargetModules.default("all-linear"),
  exclude_modules: ExcludedModules.optional(),
  layers_to_transform: z
    .union([layer, z.array(layer).min(1)])
    .optional()
    .meta({ description: "Indices of the blocks to adapt; defaults to all" }),
  layers_pattern: z.union([z.literal("layers"), z.array(z.literal("layers")).length(1)]).optional(),
  rank_pattern: byPattern(Rank).optional().meta({
    description: "Ranks other than r for modules whose path ends with a name or pattern; the first match applies",
  }),
  alpha_pattern: byPattern(Alpha).optional().meta({
    description:
      "Alphas other than lora_alpha for modules whose path ends with a name or pattern; the first match applies",
  }),
};

export const FactorSettings = z.object(factorFields);
export type FactorSettings = z.infer<typeof FactorSettings>;

export const LoraSettings = z.strictObject({
  type: z.literal("lora"),
  ...factorFields,
  bias: z.enum(["none", "all", "lora_only"]).optional().meta({
    description: "Also train the model's biases: all of them, or those of the targeted layers; defaults to none",
  }),
  lora_bias: z.boolean().optional().meta({ description: "Give B its own bias, scaled like B" }),
  init_lora_weights: z
    .union([
      z.literal(true),
      z
        .string()
        .regex(
          /^(gaussian|orthogonal|pissa|pissa_niter_[1-9]\d{0,2}|olora)$/,
          "must be true, gaussian, orthogonal, pissa, pissa_niter_4 (or another number) or olora; other values need data or change the base",
        ),
    ])
    .optional()
    .meta({
      description:
        "Initial values: true (A random, B zero), gaussian, orthogonal, or the principal part of the weight by singular values (pissa) or QR (olora)",
    }),
  loraplus_lr_ratio: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .meta({ description: "LoRA+: the learning rate of B and of the biases as a multiple of A's" }),
  loraplus_lr_embedding: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: "LoRA+: the learning rate of the embedding's factors; defaults to 1e-6" }),
  modules_to_save: z
    .array(z.string())
    .max(0, "is not supported: whole modules cannot be trained with factors; add them to target_modules instead")
    .nullish(),
  use_gating: z
    .boolean()
    .optional()
    .meta({ description: "One trainable gate for each layer, folded into its weights when published" }),
  use_dora: z.literal(false, 'is a separate method here; use `type: "dora"`').optional(),
});
export type LoraSettings = z.infer<typeof LoraSettings>;
