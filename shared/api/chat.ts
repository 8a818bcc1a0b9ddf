import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { deltaField, finishReason, samplingFields, UsageCounts } from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { notSupported, unsupported } from "./parse.ts";

/** A part of text. Hints for prompt caches change no answer and are accepted; this server caches prompts without them. */
const textPart = z.strictObject({
  type: z.literal("text"),
  text: z.string(),
  cache_control: z.looseObject({ type: z.literal("ephemeral") }).optional(),
  prompt_cache_breakpoint: z.looseObject({ mode: z.literal("explicit") }).optional(),
});
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });

const parts = <T extends z.ZodType>(part: T) => z.array(part).min(1).max(1000);
const content = z.union([z.string(), parts(textPart)]);

/** OpenAI's name of whoever wrote a message; templates that know it show it to the model. */
const name = z.string().max(LIMITS.messageName).optional();

const emptyList = z.array(z.unknown()).max(0, notSupported("[]")).optional();

/**
 * A reply as clients send it back: with every field that some SDK's object has beside the text. What they hold when the reply
 * came from this server asks for nothing.
 */
const assistantMessage = z.strictObject({
  role: z.literal("assistant"),
  content: z.union([z.string(), parts(z.discriminatedUnion("type", [textPart, refusalPart]))]).optional(),
  name,
  refusal: z.string().optional().meta({ description: "Stands for the text of a message without `content`" }),
  reasoning_content: z
    .string()
    .optional()
    .meta({ description: "Templates of reasoning models decide whether to show it" }),
  parsed: z.unknown().optional().meta({ description: "Ignored: what an SDK made of `content`" }),
  tool_calls: emptyList,
  annotations: emptyList,
  function_call: unsupported(),
  audio: unsupported(),
});

export const ChatMessage = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content, name }),
  z.strictObject({ role: z.literal("developer"), content, name }),
  z.strictObject({ role: z.literal("user"), content, name }),
  assistantMessage,
]);
export type ChatMessage = z.infer<typeof ChatMessage>;

/** Fields that ask for nothing whatever they hold: names for caches and abuse detection, which this server has no use for. */
const label = z.string().max(512).optional();

/** Only the values that ask for nothing; every other is rejected by name. */
const onlyNeutral = {
  tool_choice: z.enum(["none", "auto"], notSupported('"none" or "auto"')).optional(),
  parallel_tool_calls: z.boolean().optional(),
  functions: emptyList,
  function_call: z.enum(["none", "auto"], notSupported('"none" or "auto"')).optional(),
  modalities: z
    .array(z.string())
    .refine((modalities) => modalities.every((modality) => modality === "text"), notSupported('["text"]'))
    .optional(),
  reasoning_effort: z.literal("none", notSupported('"none"')).optional(),
  verbosity: z.literal("medium", notSupported('"medium"')).optional(),
  service_tier: z.enum(["auto", "default"], notSupported('"auto" or "default"')).optional(),
  store: z.literal(false, notSupported("false")).optional(),
  prompt_cache_retention: z.enum(["in_memory", "24h"]).optional().meta({ description: "A maximum, and always kept" }),
  prompt_cache_options: z
    .strictObject({
      mode: z.literal("implicit", notSupported('"implicit"')).optional(),
      ttl: z.literal("30m", notSupported('"30m"')).optional(),
    })
    .optional(),
};

export const CreateChatCompletion = z
  .strictObject({
    model: z.string().min(1).max(300),
    messages: z.array(ChatMessage).min(1).max(LIMITS.messages),
    ...samplingFields,
    max_completion_tokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
    logprobs: z.boolean().optional(),
    top_logprobs: z.int().min(0).max(LIMITS.topLogprobs).optional(),
    response_format: z.discriminatedUnion("type", [z.strictObject({ type: z.literal("text") })]).optional(),
    metadata: Metadata.optional(),
    deltas: deltaField,
    tools: z
      .array(z.looseObject({}))
      .max(LIMITS.tools)
      .optional()
      .meta({ description: 'Tools may be listed with `tool_choice: "none"` only: the model is not told of them' }),
    ...onlyNeutral,
    prompt_cache_key: label,
    safety_identifier: label,
    steering: unsupported(),
    audio: unsupported(),
    prediction: unsupported(),
    moderation: unsupported(),
    web_search_options: unsupported(),
  })
  .refine(({ tools = [], tool_choice: choice }) => tools.length === 0 || choice === "none", {
    path: ["tools"],
    message: notSupported('`tool_choice: "none"`'),
  })
  .meta({ id: "CreateChatCompletion" });
export type CreateChatCompletion = z.infer<typeof CreateChatCompletion>;

const tokenLogprob = z.strictObject({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() });

export const ChatLogprobs = z
  .strictObject({
    content: z.array(z.strictObject({ ...tokenLogprob.shape, top_logprobs: z.array(tokenLogprob) })).nullable(),
    refusal: z.null(),
  })
  .meta({ id: "ChatLogprobs" });
export type ChatLogprobs = z.infer<typeof ChatLogprobs>;

export const ChatCompletion = z
  .strictObject({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    system_fingerprint: z.string().nullable(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        message: z.strictObject({ role: z.literal("assistant"), content: z.string(), refusal: z.null() }),
        logprobs: ChatLogprobs.nullable(),
        finish_reason: finishReason,
      }),
    ),
    usage: UsageCounts,
  })
  .meta({ id: "ChatCompletion" });
export type ChatCompletion = z.infer<typeof ChatCompletion>;

export const ChatCompletionChunk = z
  .strictObject({
    id: z.string(),
    object: z.literal("chat.completion.chunk"),
    created: z.int(),
    model: z.string(),
    system_fingerprint: z.string().nullable(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        delta: z.strictObject({ role: z.literal("assistant").optional(), content: z.string().optional() }),
        logprobs: ChatLogprobs.nullable(),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: UsageCounts.nullable().optional(),
  })
  .meta({ id: "ChatCompletionChunk" });
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;
