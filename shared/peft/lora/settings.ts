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
      if ("problem" in pattern) refuse(`has a pattern that is not read: ${quoteName(key)} ${pattern.problem}`);
    }
  });

/** Which layers get a pair of factors, of which rank, and with which scale. */
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
    .meta({ description: "Numbers of the blocks whose layers are adapted; all of them when left out" }),
  layers_pattern: z.union([z.literal("layers"), z.array(z.literal("layers")).length(1)]).optional(),
  rank_pattern: byPattern(Rank).optional().meta({
    description: "Other ranks than r for the modules whose path ends with a name or pattern; the first counts",
  }),
  alpha_pattern: byPattern(Alpha)
    .optional()
    .meta({ description: "Other alphas than lora_alpha for the modules whose path ends with a name or pattern" }),
};

export const FactorSettings = z.object(factorFields);
export type FactorSettings = z.infer<typeof FactorSettings>;

export const LoraSettings = z.strictObject({
  type: z.literal("lora"),
  ...factorFields,
  bias: z.enum(["none", "all", "lora_only"]).optional().meta({
    description: "Train the model's own biases too: all of them, or those of the targeted layers; none when left out",
  }),
  lora_bias: z.boolean().optional().meta({ description: "Give B a bias of its own, scaled as B is" }),
  init_lora_weights: z
    .union([
      z.literal(true),
      z
        .string()
        .regex(
          /^(gaussian|orthogonal|pissa|pissa_niter_[1-9]\d{0,2}|olora)$/,
          "must be true, gaussian, orthogonal, pissa, pissa_niter_4 (or another number) or olora; others need data or change the base",
        ),
    ])
    .optional()
    .meta({
      description:
        "First values: true (A random, B zero), gaussian, orthogonal, or the principal part of the weight itself by singular values (pissa) or by QR (olora)",
    }),
  loraplus_lr_ratio: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .meta({ description: "LoRA+: the learning rate of B and of biases as a multiple of A's" }),
  loraplus_lr_embedding: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: "LoRA+: the learning rate of the embedding's factors; 1e-6 when left out" }),
  modules_to_save: z
    .array(z.string())
    .max(0, "is not supported: whole modules are not trained beside factors; name them in target_modules instead")
    .nullish(),
  use_gating: z.boolean().optional().meta({ description: "One learned gate for each layer, folded in when published" }),
  use_dora: z.literal(false, 'is a method of its own here: send `type: "dora"`').optional(),
});
export type LoraSettings = z.infer<typeof LoraSettings>;
