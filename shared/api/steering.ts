/** The `steering` field of chats and completions. */
import { z } from "zod";
import { STEERING, type SteeringName } from "../decode/steering/registry.ts";
import { rulesRequest } from "../decode/steering/rules-request.ts";
import { vectorsRequest } from "../decode/steering/vectors-request.ts";
import { SearchRequest } from "../search/registry.ts";

/** The parts' own schemas, none of them required. */
const parts = Object.fromEntries(Object.entries(STEERING).map(([name, { schema }]) => [name, schema.optional()])) as {
  [N in SteeringName]: z.ZodOptional<(typeof STEERING)[N]["schema"]>;
};

export const SteeringObject = z
  .strictObject({
    ...parts,
    vectors: vectorsRequest.optional(),
    rules: rulesRequest.optional(),
    search: SearchRequest.optional().meta({ description: "Make several texts of a choice and return one" }),
  })
  .meta({ id: "Steering", description: "How each token is chosen; the order of the fields means nothing" });
export type SteeringObject = z.infer<typeof SteeringObject>;
export const SteeringField = z.union([z.string().max(300), SteeringObject]);
export type SteeringField = z.infer<typeof SteeringField>;

/** Fields of chats and completions. */
export const steeringFields = {
  steering: SteeringField.optional().meta({
    description: "An object, or the name of a preset such as `calm` or `calm@3`",
  }),
  trace: z.boolean().optional().meta({ description: "Report what steering and sampling did to every token" }),
};

const steered = {
  id: z.int().meta({ description: "The token's number in the vocabulary" }),
  token: z.string().meta({ description: "The token's text" }),
  before: z.number().meta({ description: "Its probability under the model's own distribution" }),
  after: z.number().meta({ description: "Its probability under the distribution that the token was drawn from" }),
};

export const SteeringTraces = z
  .array(
    z.strictObject({
      ...steered,
      kl: z.number().meta({ description: "KL(after ‖ before) in nats" }),
      top: z.array(z.strictObject(steered)).meta({ description: "The likeliest tokens after all changes" }),
      changes: z
        .array(
          z.strictObject({
            part: z.string().meta({ description: "The part, or the processor of a sampling field" }),
            before: z.number().meta({ description: "The chosen token's probability before it" }),
            after: z.number().meta({ description: "The chosen token's probability after it" }),
            kl: z.number().meta({ description: "KL(after ‖ before) in nats" }),
          }),
        )
        .meta({ description: "What each part changed, in the order in which they ran" }),
      parts: z.record(z.string(), z.unknown()).meta({ description: "What parts say of their own, by their names" }),
    }),
  )
  .meta({ id: "SteeringTrace", description: "One entry for each token, the one that ended the text included" });

export const SearchResult = z
  .strictObject({
    method: z.string(),
    candidates: z.int().meta({ description: "How many texts were begun" }),
    score: z.number().meta({ description: "The chosen text's; of a vote, its share of the votes" }),
    scores: z.array(z.number().nullable()).meta({
      description:
        "Of all texts, in the order in which they were begun, null for those that were stopped; of beams, best first",
    }),
    chosen: z.int().meta({ description: "The chosen text's place in `scores`" }),
    tokens: z.int().meta({ description: "Tokens of all texts" }),
    budget: z.int().meta({ description: "How many tokens they could have" }),
    ended: z.enum(["complete", "threshold", "attempts", "budget"]).meta({
      description: "Every text was made; one scored high enough; none did; or the tokens ran out before",
    }),
    fallback: z.literal("likelihood").optional().meta({ description: "The scorer failed: likelihood took its place" }),
  })
  .meta({ id: "SteeringSearchResult" });

/** What a reply says of its steering: as it was used, with every default. In a stream, in the first chunk of each choice. */
export const steeringEcho = {
  steering: SteeringObject.optional().meta({ description: "As it was used, with every default" }),
  steering_preset: z.string().optional().meta({ description: "`name@version` of the preset that it comes from" }),
};
