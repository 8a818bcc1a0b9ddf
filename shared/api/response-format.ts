/** OpenAI's `response_format` of a chat, and `text.format` of a response. The rule made of it says what is wrong with a schema, in OpenAI's words. */
import { z } from "zod";

export const ResponseFormat = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: z.string(),
        description: z.string().nullish(),
        schema: z.record(z.string(), z.unknown()).nullish(),
        strict: z
          .boolean()
          .nullish()
          .meta({ description: "Keep to OpenAI's subset: all fields required, none but these" }),
      }),
    }),
  ])
  .meta({ id: "ResponseFormat" });
export type ResponseFormat = z.infer<typeof ResponseFormat>;

/** The same of a response, which has the schema's fields beside its type. */
export const TextFormat = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      name: z.string(),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish(),
    }),
  ])
  .meta({ id: "TextFormat" });
export type TextFormat = z.infer<typeof TextFormat>;
