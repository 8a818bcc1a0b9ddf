import { z } from "zod";
import { FactorSettings } from "../lora/settings.ts";

const { lora_dropout, target_modules, exclude_modules, layers_to_transform, layers_pattern } = FactorSettings.shape;

const share = z.number().gt(0).lt(1);
const steps = z.int().min(0);

/** A field of peft's that means nothing here; saying so is better than ignoring it. */
const refused = (reason: string) => z.null({ error: reason }).optional();

export const AdaLoraSettings = z.strictObject({
  type: z.literal("adalora"),
  init_r: z.int().min(1).default(12).meta({ description: "The rank of every layer at the beginning" }),
  target_r: z.int().min(1).default(8).meta({ description: "The mean rank of the layers at the end" }),
  tinit: steps.default(0).meta({ description: "Steps before the ranks begin to shrink" }),
  tfinal: steps.default(0).meta({ description: "Steps at the end in which the ranks stay as they are" }),
  deltaT: z.int().min(1).default(1).meta({ description: "Steps between two allocations of the ranks" }),
  beta1: share.default(0.85).meta({ description: "How much of the mean importance stays from step to step" }),
  beta2: share.default(0.85).meta({ description: "The same for its mean deviation" }),
  orth_reg_weight: z.number().min(0).max(1e6).default(0.5).meta({ description: "Weight of the orthogonality penalty" }),
  lora_alpha: z.number().positive().max(65_536).default(32),
  ...{ lora_dropout, target_modules, exclude_modules, layers_to_transform, layers_pattern },
  r: refused("is not a setting of adalora: set init_r, the rank at the beginning, and target_r, the mean at the end"),
  total_step: refused("follows from the data and the hyperparameters of the job; remove it"),
});
export type AdaLoraSettings = z.infer<typeof AdaLoraSettings>;
