import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { deltaField, finishReason, samplingFields, UsageCounts } from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { unsupported } from "./parse.ts";

const content = z.union([
  z.string(),
  z
    .array(z.strictObject({ type: z.literal("text"), text: z.string() }))
    .min(1)
    .max(1000),
]);

/** Fields that are null in a reply, and come back when a client sends the reply as a message. */
const echoed = {
  refusal: unsupported(),
  tool_calls: unsupported(),
  function_call: unsupported(),
  audio: unsupported(),
  annotations: unsupported(),
  name: unsupported(),
};

export const ChatMessage = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content, name: unsupported() }),
  z.strictObject({ role: z.literal("developer"), content, name: unsupported() }),
  z.strictObject({ role: z.literal("user"), content, name: unsupported() }),
  z.strictObject({ role: z.literal("assistant"), content, ...echoed }),
]);
export type ChatMessage = z.infer<typeof ChatMessage>;

export const CreateChatCompletion = z
  .strictObject({
    model: z.string().min(1).max(300),
    messages: z.array(ChatMessage).min(1).max(LIMITS.messages),
    ...samplingFields,
    max_completion_tokens: z.int().min(1).max(LIMITS.maxTokens).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(LIMITS.topLogprobs).nullish(),
    response_format: z.discriminatedUnion("type", [z.strictObject({ type: z.literal("text") })]).nullish(),
    metadata: Metadata.nullish(),
    deltas: deltaField,
    steering: unsupported(),
    tools: unsupported(),
    tool_choice: unsupported(),
    parallel_tool_calls: unsupported(),
    functions: unsupported(),
    function_call: unsupported(),
    modalities: unsupported(),
    audio: unsupported(),
    prediction: unsupported(),
    reasoning_effort: unsupported(),
    verbosity: unsupported(),
    service_tier: unsupported(),
    store: unsupported(),
    web_search_options: unsupported(),
    prompt_cache_key: unsupported(),
    prompt_cache_retention: unsupported(),
    safety_identifier: unsupported(),
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
