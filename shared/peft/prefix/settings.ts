import { z } from "zod";
import { InitText, VirtualTokens } from "../virtual-tokens.ts";

/** Ten times any practical width. Nothing else limits it, and every unit costs memory for each layer's keys and values. */
const MAX_HIDDEN = 8192;

export const PrefixSettings = z.strictObject({
  type: z.literal("prefix"),
  num_virtual_tokens: VirtualTokens,
  prefix_projection: z
    .boolean()
    .default(false)
    .meta({ description: "Train the prefix through a small network, which is not published" }),
  encoder_hidden_size: z
    .int()
    .min(1)
    .max(MAX_HIDDEN)
    .optional()
    .meta({ description: "The width of that network; defaults to the width of the keys" }),
  init_weights: z.literal("zero").optional().meta({ description: "Start from zeros; defaults to noise" }),
  init_text: InitText.optional().meta({
    description: "Start from the keys and values that the base computes for this text",
  }),
  use_gating: z
    .boolean()
    .optional()
    .meta({ description: "One trainable gate for each layer, folded into the prefix when published" }),
});
export type PrefixSettings = z.infer<typeof PrefixSettings>;
