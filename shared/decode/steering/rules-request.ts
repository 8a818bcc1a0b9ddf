/** The `rules` part of a request: what the text must be, and must not have in it. */
import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { requireCaps } from "../../rules/schema/caps.ts";

const phrases = z.array(z.string().min(1).max(LIMITS.phraseLength)).max(LIMITS.phrases);

const scorer = z.strictObject({
  name: z.string().min(1).max(64).meta({ description: "One of /v1/steering/scorers" }),
  strength: z.number().min(-LIMITS.scorerStrength).max(LIMITS.scorerStrength).default(1),
  candidates: z
    .int()
    .min(1)
    .max(LIMITS.scorerCandidates)
    .default(8)
    .meta({ description: "How many of the likeliest tokens are scored; the others are ruled out" }),
  every: z.int().min(1).max(1024).default(1).meta({ description: "Score every n-th token, the first one included" }),
  deadline_ms: z.int().min(10).max(LIMITS.scorerDeadlineMs).default(1000),
  on_timeout: z
    .enum(["open", "closed"])
    .default("open")
    .meta({ description: "Without an answer in time: choose without it, or end the request with `scorer_failed`" }),
});

const SHAPES = ["json_schema", "regex", "choice", "grammar"] as const;

/** Before a schema is passed on: what is nested thousands of levels deep cannot even be copied. */
function refuseLarge(schema: unknown, context: z.RefinementCtx): void {
  try {
    requireCaps(schema);
  } catch (error) {
    context.addIssue({ code: "custom", message: `cannot be followed: ${messageOf(error)}` });
  }
}

export const rulesRequest = z
  .strictObject({
    json_schema: z
      .union([z.boolean(), z.record(z.string(), z.unknown())])
      .superRefine(refuseLarge)
      .optional()
      .meta({ description: "The text is a JSON document that is valid under this schema" }),
    regex: z.string().min(1).max(LIMITS.ruleLength).optional(),
    choice: z.array(z.string().min(1).max(LIMITS.ruleLength)).min(1).max(LIMITS.ruleChoices).optional(),
    grammar: z
      .string()
      .min(1)
      .max(LIMITS.ruleLength)
      .optional()
      .meta({ description: "A context-free grammar in GBNF" }),
    banned: phrases
      .optional()
      .meta({ description: "Phrases that do not occur in the text, however it is split into tokens" }),
    required: phrases.optional().meta({ description: "Phrases that occur in the text before it ends" }),
    scorer: z
      .union([
        z
          .string()
          .min(1)
          .max(64)
          .transform((name) => ({ name }))
          .pipe(scorer),
        scorer,
      ])
      .optional()
      .meta({ description: "An HTTPS endpoint of yours that weighs the likeliest tokens: its name, or an object" }),
  })
  .refine((rules) => SHAPES.filter((shape) => rules[shape] !== undefined).length <= 1, {
    message: `must have at most one of ${SHAPES.join(", ")}`,
  });
export type AskedRules = z.infer<typeof rulesRequest>;
