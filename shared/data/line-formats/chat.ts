import { z } from "zod";
import { chatExample, type TrainingMessage } from "../example.ts";
import { type LineFormat, MAX_MESSAGES } from "./format.ts";

const text = z.string();
/** OpenAI's list of content parts; only text can be trained on. */
const content = z.union(
  [
    text,
    z
      .array(z.strictObject({ type: z.literal("text", "only text parts can be trained on"), text }))
      .min(1)
      .transform((parts) => parts.map((part) => part.text).join("")),
  ],
  "must be a text",
);
const toolCall = z.strictObject({
  id: z.string().optional(),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
const name = z.string().max(64).optional();

const message = z.discriminatedUnion(
  "role",
  [
    z.strictObject({ role: z.literal("system"), content, name }),
    z.strictObject({ role: z.literal("developer").transform(() => "system" as const), content, name }),
    z.strictObject({ role: z.literal("user"), content, name }),
    z.strictObject({ role: z.literal("tool"), content, name, tool_call_id: z.string().optional() }),
    z
      .strictObject({
        role: z.literal("assistant"),
        content: content.nullish(),
        name,
        weight: z.union([z.literal(0), z.literal(1)], "must be 0 or 1").optional(),
        tool_calls: z.array(toolCall).min(1).optional(),
        refusal: z.null().optional(),
      })
      .refine((turn) => turn.content != null || turn.tool_calls !== undefined, {
        path: ["content"],
        message: "must be a text where there are no tool_calls",
      })
      .transform(({ refusal: _, ...turn }) => ({ ...turn, content: turn.content ?? "" })),
  ],
  "must be system, developer, user, assistant or tool",
);

/** OpenAI's conversations: `{"messages": [{"role", "content"}, …]}`. */
export const chat: LineFormat = {
  name: "chat",
  keys: ["messages"],
  schema: z
    .strictObject({
      messages: z.array(message).min(1, "must not be empty").max(MAX_MESSAGES),
      tools: z.array(z.looseObject({ type: z.literal("function") })).optional(),
      parallel_tool_calls: z.boolean().optional(),
    })
    .transform(({ messages, tools }) => chatExample(messages as TrainingMessage[], tools)),
};
