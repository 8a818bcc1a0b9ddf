import { z } from "zod";
import { FactorSettings } from "../lora/settings.ts";

const { lora_dropout, target_modules, exclude_modules, layers_to_transform, layers_pattern } = FactorSettings.shape;

const share = z.number().gt(0).lt(1);
const steps = z.int().min(0);

/** A field of peft's that has no effect here, and is rejected rather than ignored. */
const rejected = (reason: string) => z.null({ error: reason }).optional();

export const AdaLoraSettings = z.strictObject({
  type: z.literal("adalora"),
  init_r: z.int().min(1).default(12).meta({ description: "The initial rank of every layer" }),
  target_r: z.int().min(1).default(8).meta({ description: "The final mean rank of the layers" }),
  tinit: steps.default(0).meta({ description: "Steps before ranks are first removed" }),
  tfinal: steps.default(0).meta({ description: "Steps at the end with fixed ranks" }),
  deltaT: z.int().min(1).default(1).meta({ description: "Steps between rank allocations" }),
  beta1: share.default(0.85).meta({ description: "Decay of the moving average of importance" }),
  beta2: share.default(0.85).meta({ description: "Decay of the moving average of its deviation" }),
  orth_reg_weight: z.number().min(0).max(1e6).default(0.5).meta({ description: "Weight of the orthogonality penalty" }),
  lora_alpha: z.number().positive().max(65_536).default(32),
  ...{ lora_dropout, target_modules, exclude_modules, layers_to_transform, layers_pattern },
  r: rejected("is not a setting of adalora; set init_r, the initial rank, and target_r, the final mean rank"),
  total_step: rejected("follows from the job's data and hyperparameters; remove it"),
});
export type AdaLoraSettings = z.infer<typeof AdaLoraSettings>;
