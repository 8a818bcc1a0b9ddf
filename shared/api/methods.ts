/** How a job trains. Each method is a `type` and a sibling field of the same name that holds its settings. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ChosenSettings, type PeftChoice } from "../peft/presets.ts";

const auto = <T extends z.ZodType>(schema: T) => z.union([z.literal("auto"), schema]);

/** The three that OpenAI has; also the shape of its deprecated top-level `hyperparameters`. */
const openAiHyperparameters = {
  n_epochs: auto(z.int().min(1).max(50)).default("auto"),
  batch_size: auto(z.int().min(1).max(256)).default("auto"),
  learning_rate_multiplier: auto(z.number().positive().max(1000)).default("auto"),
};

export const DeprecatedHyperparameters = z.strictObject(openAiHyperparameters).meta({ id: "Hyperparameters" });

export const SupervisedHyperparameters = z
  .strictObject({
    ...openAiHyperparameters,
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
    warmup_ratio: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .meta({ description: "Share of the steps in which the rate rises" }),
    lr_schedule: z.enum(["cosine", "linear", "constant"]).optional(),
    weight_decay: z.number().min(0).max(1).optional(),
    max_grad_norm: z.number().positive().max(1000).optional(),
    gradient_accumulation_steps: z.int().min(1).max(256).optional(),
    packing: z.boolean().optional(),
    checkpoint_steps: z.int().min(1).max(1_000_000).optional().meta({ description: "Steps between two checkpoints" }),
    optim: z.enum(["adamw_torch", "paged_adamw_32bit"]).optional().meta({
      description: "paged_adamw_32bit keeps the moments of large tensors in a file; adamw_torch when left out",
    }),
    optim_memory_limit: z
      .int()
      .min(0)
      .optional()
      .meta({ description: "Bytes of moments that paged_adamw_32bit leaves in memory; 0 when left out" }),
  })
  .refine(({ optim, optim_memory_limit: limit }) => limit === undefined || optim === "paged_adamw_32bit", {
    path: ["optim_memory_limit"],
    message: "is for the optim paged_adamw_32bit alone",
  })
  .meta({ id: "SupervisedHyperparameters" });
export type SupervisedHyperparameters = z.infer<typeof SupervisedHyperparameters>;

/** One method, or several that train together on one base. */
export const Peft: z.ZodType<PeftChoice> = z
  .union([ChosenSettings, z.array(ChosenSettings).min(1).max(LIMITS.peftMethods)])
  .meta({ id: "Peft" });

const LORA_DEFAULTS = ChosenSettings.parse({ type: "lora" });
const HYPERPARAMETER_DEFAULTS = { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" } as const;

export const SupervisedMethod = z
  .strictObject({
    type: z.literal("supervised"),
    supervised: z
      .strictObject({
        hyperparameters: SupervisedHyperparameters.default(HYPERPARAMETER_DEFAULTS),
        peft: Peft.default(LORA_DEFAULTS),
      })
      .default({ hyperparameters: HYPERPARAMETER_DEFAULTS, peft: LORA_DEFAULTS }),
  })
  .meta({ id: "SupervisedMethod" });

/** The methods that this server trains; a new one is a new member. */
export const Method = z.discriminatedUnion("type", [SupervisedMethod]).meta({ id: "Method" });
export type Method = z.infer<typeof Method>;

export const Executor = z.enum(["onnxruntime", "tensorflow"]).meta({ id: "Executor" });
export type Executor = z.infer<typeof Executor>;
