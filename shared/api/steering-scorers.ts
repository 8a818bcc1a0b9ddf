import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { PresetName } from "./steering-presets.ts";

export const ScorerName = PresetName.meta({ description: "A scorer's name", example: "politeness" });

const url = z.string().min(1).max(LIMITS.scorerUrl).meta({
  description: "An HTTPS address at a public host name, on port 443",
  example: "https://scores.example.com/v1",
});

const secret = z
  .string()
  .min(16)
  .max(256)
  .regex(/^[\x21-\x7e]*$/, "must be printable ASCII characters without spaces")
  .meta({
    description:
      "Signs every call, and is never shown: `x-trimtab-signature` is `sha256=` and the hexadecimal HMAC-SHA256 of `x-trimtab-timestamp`, a dot, and the body",
  });

const description = z.string().max(LIMITS.description);

export const CreateScorer = z
  .strictObject({ name: ScorerName, url, secret: secret.optional(), description: description.optional() })
  .meta({ id: "CreateSteeringScorer" });
export type CreateScorer = z.infer<typeof CreateScorer>;

export const ChangeScorer = z
  .strictObject({
    url: url.optional(),
    secret: secret.nullable().optional().meta({ description: "Signs every call; null takes it away" }),
    description: description.nullable().optional().meta({ description: "null takes it away" }),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    message: "must have one of `url`, `secret` and `description`",
  })
  .meta({ id: "ChangeSteeringScorer", description: "What is left out stays; null takes away" });
export type ChangeScorer = z.infer<typeof ChangeScorer>;

export const Scorer = z
  .strictObject({
    id: z.string().meta({ description: "Its name" }),
    object: z.literal("steering.scorer"),
    name: ScorerName,
    url: z.string(),
    description: z.string().nullable(),
    has_secret: z.boolean().meta({ description: "Whether calls are signed" }),
    created_at: z.int(),
    updated_at: z.int(),
  })
  .meta({ id: "SteeringScorer" });
export type Scorer = z.infer<typeof Scorer>;

export const ScorerList = listSchema(Scorer).meta({ id: "SteeringScorerList" });
export const ScorerListQuery = pageQuery();
