/** The `rules` part of a request: what the text must be, and must not have in it. */
import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { RULE_LIMITS } from "../../rules/limits.ts";
import { requireCaps } from "../../rules/schema/caps.ts";

const phrases = (most: number) => z.array(z.string().min(1).max(LIMITS.phraseLength)).max(most);

const scorer = z.strictObject({
  name: z.string().min(1).max(64).meta({ description: "One of /v1/steering/scorers" }),
  strength: z
    .number()
    .min(-LIMITS.scorerStrength)
    .max(LIMITS.scorerStrength)
    .default(1)
    .meta({ description: "What a score is multiplied by before it is added to its token's logit" }),
  candidates: z
    .int()
    .min(1)
    .max(LIMITS.scorerCandidates)
    .default(8)
    .meta({ description: "How many of the likeliest tokens are scored; the others are ruled out" }),
  every: z.int().min(1).max(1024).default(1).meta({ description: "Score every n-th token, the first one included" }),
  deadline_ms: z
    .int()
    .min(10)
    .max(LIMITS.scorerDeadlineMs)
    .default(1000)
    .meta({ description: "For each call, from when it is due to the last byte of its answer" }),
  on_timeout: z.enum(["open", "closed"]).default("open").meta({
    description:
      "Without an answer in time: choose the token without it, or end the request with `scorer_failed`. A wrong answer ends it either way",
  }),
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
    regex: z
      .string()
      .min(1)
      .max(RULE_LIMITS.regexLength)
      .optional()
      .meta({ description: "The text, from its first to its last character, matches this regular expression" }),
    choice: z
      .array(z.string().min(1).max(RULE_LIMITS.choiceCharacters))
      .min(1)
      .max(RULE_LIMITS.choices)
      .optional()
      .meta({ description: "The text is one of these" }),
    grammar: z
      .string()
      .min(1)
      .max(RULE_LIMITS.grammarLength)
      .optional()
      .meta({ description: "A context-free grammar in GBNF" }),
    banned: phrases(RULE_LIMITS.banned)
      .optional()
      .meta({ description: "Phrases that do not occur in the text, however it is split into tokens" }),
    required: phrases(RULE_LIMITS.required).optional().meta({
      description: "Phrases that occur in the text before the model ends it; a stop sequence ends it at any time",
    }),
    scorer: z
      .union([
        // A codec rather than a transform, so that documents show both what comes in and what is echoed.
        z.codec(z.string().min(1).max(64), scorer, { decode: (name) => ({ name }), encode: ({ name }) => name }),
        scorer,
      ])
      .optional()
      .meta({ description: "An HTTPS endpoint of yours that weighs the likeliest tokens: its name, or an object" }),
  })
  .refine((rules) => SHAPES.filter((shape) => rules[shape] !== undefined).length <= 1, {
    message: `must have at most one of ${SHAPES.join(", ")}`,
  })
  .meta({ description: "What the text must be, and what must and must not occur in it" });
export type AskedRules = z.infer<typeof rulesRequest>;
