import { z } from "zod";
import { TargetModules } from "../target-modules.ts";

export const LoraSettings = z.strictObject({
  type: z.literal("lora"),
  r: z.int().min(1, "must be at least 1").default(8),
  lora_alpha: z.number().positive().max(65_536).default(16),
  lora_dropout: z.number().min(0).lt(1).default(0),
  use_rslora: z.boolean().default(false).meta({ description: "Scale by alpha / √r instead of alpha / r" }),
  target_modules: TargetModules.default("all-linear"),
});
export type LoraSettings = z.infer<typeof LoraSettings>;
