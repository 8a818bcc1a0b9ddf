/** `tracing.json`: where a model recalls facts, by causal tracing (Meng et al. 2022, "Locating and Editing Factual Associations in GPT"). */
import { z } from "zod";

export const TRACING_FILE = "tracing.json";

/** Places of tokens in a prompt, from its first to its last. */
export const TOKEN_PLACES = [
  "first_subject_token",
  "middle_subject_tokens",
  "last_subject_token",
  "next_token",
  "later_tokens",
  "last_token",
] as const;
export type TokenPlace = (typeof TOKEN_PLACES)[number];

/** For each place, in the order of `places`, a number for each layer; null where no prompt has such a token. */
const Effects = z.array(z.array(z.number()).nullable());

export const Tracing = z
  .strictObject({
    format: z.literal("trimtab.tracing/1"),
    source: z.enum(["base", "file"]).meta({ description: "Whose facts: the base's own, or a file's" }),
    facts: z.int().min(1).meta({ description: "The facts that were traced: those that the model knows" }),
    samples: z.int().min(1).meta({ description: "Draws of the noise for each fact" }),
    noise: z.number().meta({ description: "Its standard deviation, over that of the embeddings" }),
    layers: z.int().min(1),
    places: z.array(z.enum(TOKEN_PLACES)),
    probability: z
      .strictObject({ clean: z.number(), corrupted: z.number() })
      .meta({ description: "Mean probability of the answer, without noise on the subject and with it" }),
    effects: z.strictObject({ mlp: Effects, stream: Effects }).meta({
      description:
        "Average indirect effect: how much probability returns when one state is restored, of the MLP's output or of the whole stream after the layer",
    }),
    edit_layers: z
      .strictObject({ rome: z.int(), memit: z.array(z.int()).min(1) })
      .meta({ description: "The layers that `auto` changes for it" }),
  })
  .meta({ id: "Tracing" });
export type Tracing = z.output<typeof Tracing>;
