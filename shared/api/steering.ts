/** The `steering` field of chats and completions. */
import { z } from "zod";
import { STEERING, type SteeringName } from "../decode/steering/registry.ts";

/** The parts' own schemas, none of them required. */
const parts = Object.fromEntries(Object.entries(STEERING).map(([name, { schema }]) => [name, schema.optional()])) as {
  [N in SteeringName]: z.ZodOptional<(typeof STEERING)[N]["schema"]>;
};

export const SteeringObject = z
  .strictObject({
    ...parts,
    rules: z.strictObject({ banned: z.array(z.string()).optional(), scorer: z.string().optional() }).optional(),
    vectors: z
      .array(z.strictObject({ id: z.string(), strength: z.number(), condition: z.boolean().optional() }))
      .optional(),
  })
  .meta({ id: "Steering" });
export type SteeringObject = z.infer<typeof SteeringObject>;
export const SteeringField = z.union([z.string().max(300), SteeringObject]);
export type SteeringField = z.infer<typeof SteeringField>;

/** Fields of chats and completions. */
export const steeringFields = {
  steering: SteeringField.optional(),
  trace: z.boolean().optional().meta({ description: "Report what steering and sampling did to every token" }),
};

const steered = {
  id: z.int(),
  token: z.string(),
  before: z.number().meta({ description: "Its probability under the model's own distribution" }),
  after: z.number().meta({ description: "Its probability under the distribution that the token was drawn from" }),
};

export const SteeringTraces = z
  .array(
    z.strictObject({
      ...steered,
      kl: z.number().meta({ description: "KL(after ‖ before) in nats" }),
      top: z.array(z.strictObject(steered)).meta({ description: "The likeliest tokens after all changes" }),
      parts: z.record(z.string(), z.unknown()).meta({ description: "What each part did, by its name" }),
    }),
  )
  .meta({ id: "SteeringTrace", description: "One entry for each token, the one that ended the text included" });

/** What a reply says of its steering: as it was used, with every default. In a stream, in the first chunk of each choice. */
export const steeringEcho = {
  steering: SteeringObject.optional(),
  steering_preset: z.string().optional().meta({ description: "`name@version` of the preset that it comes from" }),
};
