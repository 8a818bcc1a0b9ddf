/** What every type of job that trains with the loop has in its settings. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChosenSettings, type PeftChoice } from "../peft/presets.ts";
import { keepingHyperparameters, keepingProblems } from "./keeping-settings.ts";

/** A number, or the rules of the trainer. */
export const auto = <T extends z.ZodType>(schema: T) => z.union([z.literal("auto"), schema]);

/** Hyperparameters of every type that trains with the loop, under OpenAI's names where OpenAI has them. */
export const trainingHyperparameters = {
  n_epochs: auto(z.int().min(1).max(50)).default("auto"),
  batch_size: auto(z.int().min(1).max(256)).default("auto"),
  learning_rate_multiplier: auto(z.number().positive().max(1000)).default("auto"),
  learning_rate: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: "Peak learning rate; overrides the multiplier" }),
  max_length: z
    .int()
    .min(8)
    .max(131_072)
    .optional()
    .meta({ description: "Tokens per sequence; longer examples are truncated" }),
  max_steps: z.int().min(1).max(1_000_000).optional().meta({ description: "Optimizer steps; overrides n_epochs" }),
  warmup_ratio: z.number().min(0).max(1).optional().meta({ description: "Share of the steps in which the rate rises" }),
  ...keepingHyperparameters,
  weight_decay: z.number().min(0).max(1).optional(),
  max_grad_norm: z.number().positive().max(1000).optional(),
  gradient_accumulation_steps: z.int().min(1).max(256).optional(),
  packing: z.boolean().optional(),
  checkpoint_steps: z.int().min(1).max(1_000_000).optional().meta({ description: "Steps between two checkpoints" }),
  optim: z.enum(["adamw_torch", "paged_adamw_32bit"]).optional().meta({
    description: "paged_adamw_32bit keeps the moments of large tensors in a file; adamw_torch by default",
  }),
  optim_memory_limit: z
    .int()
    .min(0)
    .optional()
    .meta({ description: "Bytes of moments that paged_adamw_32bit leaves in memory; 0 by default" }),
};
export const HYPERPARAMETER_DEFAULTS = {
  n_epochs: "auto",
  batch_size: "auto",
  learning_rate_multiplier: "auto",
} as const;

export type TrainingHyperparameters = z.infer<z.ZodObject<typeof trainingHyperparameters, z.core.$strict>>;

/** The hyperparameters of a type: the common ones and its `own`. `id` names the schema. */
export function hyperparametersSchema<const Own extends z.core.$ZodLooseShape>(id: string, own: Own) {
  const shape = { ...trainingHyperparameters, ...own };
  return z
    .strictObject(shape)
    .refine(
      (given) => {
        const { optim, optim_memory_limit: limit } = given as TrainingHyperparameters;
        return limit === undefined || optim === "paged_adamw_32bit";
      },
      { path: ["optim_memory_limit"], message: "is for the optim paged_adamw_32bit alone" },
    )
    .superRefine((given, context) => {
      for (const { field, message } of keepingProblems(given as TrainingHyperparameters)) {
        context.addIssue({ code: "custom", path: [field], message });
      }
    })
    .meta({ id });
}

/** One method, or several that train together on one base. */
export const Peft: z.ZodType<PeftChoice> = z
  .union([ChosenSettings, z.array(ChosenSettings).min(1).max(LIMITS.peftMethods)])
  .meta({ id: "Peft" });

export const LORA_DEFAULTS = ChosenSettings.parse({ type: "lora" });

/** The settings of every type that trains with the loop. */
export interface TrainingSettings {
  readonly hyperparameters: TrainingHyperparameters;
  readonly peft: PeftChoice;
}
