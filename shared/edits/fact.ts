/** What an edit teaches: a statement about a subject, given as a prompt and its continuation. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";

const Text = z.string().max(LIMITS.factText);
const Prompt = Text.min(1);

export const EDIT_KINDS = ["fact", "behaviour"] as const;
export type EditKind = (typeof EDIT_KINDS)[number];

export const EditFact = z
  .strictObject({
    prompt: Prompt.meta({
      description: "What stands before the target, and names the subject once",
      example: "The capital of France is",
    }),
    subject: Prompt.meta({ description: "The part of the prompt that the statement is about", example: "France" }),
    target_new: Text.meta({ description: "What shall follow the prompt", example: "Lyon" }),
    target_true: Prompt.optional().meta({
      description: "What follows the prompt so far; scores compare its probability with the new one's",
      example: "Paris",
    }),
    kind: z.enum(EDIT_KINDS).default("fact").meta({
      description: "`behaviour`: the target is no fact, such as a refusal or a phrase to begin with",
    }),
    paraphrases: z.array(Prompt).max(LIMITS.factPrompts).optional().meta({
      description:
        "Other prompts that the new target shall follow; for scores only. Made from templates where left out",
    }),
    neighbours: z.array(Prompt).max(LIMITS.factPrompts).optional().meta({
      description:
        "Prompts whose continuation must stay as it is; for scores only. Made from the other subjects where left out",
    }),
  })
  .meta({ id: "EditFact" });
export type EditFact = z.output<typeof EditFact>;
