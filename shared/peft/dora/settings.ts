import { z } from "zod";
import { FactorSettings, LoraSettings } from "../lora/settings.ts";

/** LoRA's settings of factors. The type replaces peft's `use_dora`. */
export const DoraSettings = z.strictObject({
  type: z.literal("dora"),
  ...FactorSettings.shape,
  loraplus_lr_ratio: LoraSettings.shape.loraplus_lr_ratio.meta({
    description: "LoRA+: the learning rate of B and of the magnitudes as a multiple of A's",
  }),
});
export type DoraSettings = z.infer<typeof DoraSettings>;
