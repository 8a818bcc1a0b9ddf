import { z } from "zod";
import { LoraSettings } from "../lora/settings.ts";

const { type: _, ...loraFields } = LoraSettings.shape;

/** LoRA's settings, and the base's quantisation in the fields of transformers' `BitsAndBytesConfig`. */
export const QloraSettings = z.strictObject({
  type: z.literal("qlora"),
  ...loraFields,
  bnb_4bit_quant_type: z
    .literal("nf4", "must be nf4; other 4-bit types are not supported")
    .default("nf4")
    .meta({ description: "The 4-bit type of the frozen base's linear weights" }),
  bnb_4bit_use_double_quant: z
    .boolean()
    .default(true)
    .meta({ description: "Also quantise the scales of the weight blocks: 4.127 bits per weight instead of 4.5" }),
});
export type QloraSettings = z.infer<typeof QloraSettings>;
