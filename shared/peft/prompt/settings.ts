import { z } from "zod";
import { InitText, VirtualTokens } from "../virtual-tokens.ts";

export const PromptSettings = z.strictObject({
  type: z.literal("prompt"),
  num_virtual_tokens: VirtualTokens,
  prompt_tuning_init: z.enum(["RANDOM", "SAMPLE_VOCAB", "TEXT"]).default("SAMPLE_VOCAB").meta({
    description: "Initial virtual tokens: noise, random tokens of the vocabulary, or `prompt_tuning_init_text`",
  }),
  prompt_tuning_init_text: InitText.optional(),
});
export type PromptSettings = z.infer<typeof PromptSettings>;
