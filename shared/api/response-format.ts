/** OpenAI's `response_format` of a chat, and `text.format` of a response. The rule made of it says what is wrong with a schema, in OpenAI's words. */
import { z } from "zod";

const schemaName = z.string().meta({ description: "1 to 64 letters, digits, underscores and hyphens" });
const schemaDescription = z.string().nullish().meta({ description: "Accepted, and not shown to the model" });
const schema = z
  .record(z.string(), z.unknown())
  .nullish()
  .meta({ description: "The JSON schema that the reply is valid under; left out: any JSON object" });
const strict = z
  .boolean()
  .nullish()
  .meta({ description: "Keep to OpenAI's subset: all fields required, none but these" });

export const ResponseFormat = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: schemaName,
        description: schemaDescription,
        schema,
        strict,
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
      name: schemaName,
      description: schemaDescription,
      schema,
      strict,
    }),
  ])
  .meta({ id: "TextFormat" });
export type TextFormat = z.infer<typeof TextFormat>;
