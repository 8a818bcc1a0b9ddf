import { z } from "zod";
import { InitText, VirtualTokens } from "../virtual-tokens.ts";

/** Ten times the width that anybody uses. The model does not bound it, and every unit takes memory for each layer's states. */
const MOST_HIDDEN = 8192;

export const PrefixSettings = z.strictObject({
  type: z.literal("prefix"),
  num_virtual_tokens: VirtualTokens,
  prefix_projection: z
    .boolean()
    .default(false)
    .meta({ description: "Train the prefix through a small network, which is not kept" }),
  encoder_hidden_size: z
    .int()
    .min(1)
    .max(MOST_HIDDEN)
    .optional()
    .meta({ description: "The width of that network; that of the keys when left out" }),
  init_weights: z.literal("zero").optional().meta({ description: "Start from zeros; from noise when left out" }),
  init_text: InitText.optional().meta({
    description: "Start from the keys and values that the base computes for this text",
  }),
  use_gating: z.boolean().optional().meta({ description: "One learned gate for each layer, folded in when published" }),
});
export type PrefixSettings = z.infer<typeof PrefixSettings>;
