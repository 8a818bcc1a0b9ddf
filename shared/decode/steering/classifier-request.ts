/** The `classifier` part of a request. */
import { z } from "zod";
import { Label, type ScorerMode } from "../../delta/scorer.ts";
import { LIMITS } from "../../limits.ts";
import { modelId } from "./side.ts";

/** The usual strengths of the papers. */
export const UNIT = { lookahead: 1, class_rows: 30, token_values: 1 } as const;

const MODES: { readonly [M in ScorerMode]: string } = {
  lookahead: "Each of the likeliest tokens is tried, and the text with it judged (FUDGE)",
  class_rows: "A row for each class says how well the text fits it (GeDi)",
  token_values: "One row judges every next token at once",
};

const fieldsOf = <M extends ScorerMode>(mode: M) => ({
  id: modelId.meta({ description: "A classifier, or a reward model" }),
  label: Label.meta({ description: "The class to move towards, or with a strength below 0 away from" }),
  mode: z.literal(mode).meta({ description: MODES[mode] }),
  strength: z
    .number()
    .min(-LIMITS.classifierStrength)
    .max(LIMITS.classifierStrength)
    .default(UNIT[mode])
    .meta({ description: "λ of the class's log-probability; with `target`, where λ starts" }),
  target: z
    .number()
    .min(0.01)
    .max(0.99)
    .optional()
    .meta({ description: "λ follows the text so that the classifier finds the class this probable" }),
});

const attribute = z
  .discriminatedUnion("mode", [
    z.strictObject({
      ...fieldsOf("lookahead"),
      top_k: z
        .int()
        .min(1)
        .max(LIMITS.lookahead)
        .default(16)
        .meta({ description: "How many of the likeliest tokens are tried; the others are ruled out" }),
    }),
    z.strictObject({
      ...fieldsOf("class_rows"),
      filter: z
        .number()
        .min(0)
        .max(1)
        .default(0.8)
        .meta({ description: "ρ: how much probability of the tokens that fit the class least is ruled out; 0: none" }),
      relative_top: z.number().min(0).max(1).default(0.05).meta({
        description:
          "Tokens less likely than this share of the likeliest are ruled out first, so that none is chosen for its class alone; 0: none",
      }),
      keep_above: z
        .number()
        .min(0)
        .max(1)
        .default(0.8)
        .meta({ description: "τ: tokens after which the class is this probable are never ruled out" }),
    }),
    z.strictObject(fieldsOf("token_values")),
  ])
  .refine(({ strength, target }) => target === undefined || strength >= 0, {
    path: ["strength"],
    message: "must not be below 0 beside `target`",
  });
export const classifierRequest = z
  .array(attribute)
  .min(1)
  .max(LIMITS.attributes)
  .meta({ description: "Weighs tokens by what classifiers or reward models think of the text with them" });
export type AskedAttribute = z.infer<typeof attribute>;
