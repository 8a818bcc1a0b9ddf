import { z } from "zod";
import { LoraSettings } from "../lora/settings.ts";

const { type: _, ...loraFields } = LoraSettings.shape;

/** LoRA's settings, and how the base is held: the fields of transformers' `BitsAndBytesConfig`. */
export const QloraSettings = z.strictObject({
  type: z.literal("qlora"),
  ...loraFields,
  bnb_4bit_quant_type: z
    .literal("nf4", "must be nf4: other 4-bit types are not trained on")
    .default("nf4")
    .meta({ description: "The type of the frozen base's linear weights" }),
  bnb_4bit_use_double_quant: z
    .boolean()
    .default(true)
    .meta({ description: "Quantise the scales of the weights' blocks too: 4.127 bits a weight instead of 4.5" }),
});
export type QloraSettings = z.infer<typeof QloraSettings>;
