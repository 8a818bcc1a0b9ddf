import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { FOREIGN_FIELDS, foreignFields } from "./foreign-fields.ts";
import {
  cacheHints,
  deltaField,
  emptyList,
  neutralFields,
  PromptLogprobs,
  promptLogprobs,
  reasoningEffort,
  reasoningSettings,
  samplingFields,
  UsageCounts,
  verbosity,
} from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { notSupported, unsupported } from "./parse.ts";
import { ResponseFormat } from "./response-format.ts";
import { SearchResult, SteeringTraces, steeringEcho, steeringFields } from "./steering.ts";
import { MessageToolCall, toolCallId, turnProblem } from "./tool-turns.ts";
import { ChatTool, ChatToolChoice, chatToolRequest, toolProblem } from "./tools.ts";

const textPart = z.strictObject({ type: z.literal("text"), text: z.string(), ...cacheHints });
const refusalPart = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });

const parts = <T extends z.ZodType>(part: T) => z.array(part).min(1).max(1000);
const content = z.union([z.string(), parts(textPart)]);

/** OpenAI's name for the author of a message; templates that know it show it to the model. */
const name = z.string().max(LIMITS.messageName).optional();

/**
 * A reply as clients send it back, with every field that some SDK's object has besides the text. In replies from this
 * server, those fields have neutral values.
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
  tool_calls: z.array(MessageToolCall).max(LIMITS.toolCalls).optional(),
  annotations: emptyList,
  function_call: unsupported(),
  audio: unsupported(),
});

export const ChatMessage = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content, name }),
  z.strictObject({ role: z.literal("developer"), content, name }),
  z.strictObject({ role: z.literal("user"), content, name }),
  assistantMessage,
  z.strictObject({ role: z.literal("tool"), content, tool_call_id: toolCallId, name }),
]);
export type ChatMessage = z.infer<typeof ChatMessage>;

export const CreateChatCompletion = z
  .strictObject({
    model: z.string().min(1).max(300),
    messages: z.array(ChatMessage).min(1).max(LIMITS.messages),
    ...foreignFields(FOREIGN_FIELDS.chat),
    ...samplingFields,
    max_completion_tokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
    logprobs: z.boolean().optional(),
    top_logprobs: z.int().min(0).max(LIMITS.topLogprobs).optional(),
    prompt_logprobs: promptLogprobs,
    response_format: ResponseFormat.optional(),
    metadata: Metadata.optional(),
    deltas: deltaField,
    ...neutralFields,
    tools: z.array(ChatTool).max(LIMITS.tools).optional(),
    tool_choice: ChatToolChoice.optional(),
    functions: emptyList,
    function_call: z.enum(["none", "auto"], notSupported('"none" or "auto"')).optional(),
    modalities: z
      .array(z.string())
      .refine((modalities) => modalities.every((modality) => modality === "text"), notSupported('["text"]'))
      .optional(),
    reasoning_effort: reasoningEffort,
    reasoning: reasoningSettings,
    verbosity,
    ...steeringFields,
    audio: unsupported(),
    prediction: unsupported(),
    web_search_options: unsupported(),
  })
  .superRefine((request, context) => {
    const problem = toolProblem(chatToolRequest(request)) ?? turnProblem(request.messages);
    if (problem !== undefined) context.addIssue({ code: "custom", path: [...problem.path], message: problem.message });
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

const chatFinishReason = z.enum(["stop", "length", "tool_calls"]);

const callHead = { id: z.string(), type: z.literal("function") };
const calledFunction = z.strictObject({
  name: z.string(),
  arguments: z.string().meta({ description: "JSON, as the model wrote it" }),
});

/** The first piece of a call has its id and name; later ones have more of the arguments. */
const ToolCallChange = z.strictObject({
  index: z.int(),
  id: callHead.id.optional(),
  type: callHead.type.optional(),
  function: calledFunction.partial(),
});

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
        message: z.strictObject({
          role: z.literal("assistant"),
          content: z.string().nullable().meta({ description: "null where the reply is calls alone" }),
          refusal: z.null(),
          tool_calls: z.array(z.strictObject({ ...callHead, function: calledFunction })).optional(),
        }),
        logprobs: ChatLogprobs.nullable(),
        finish_reason: chatFinishReason,
        steering_trace: SteeringTraces.optional(),
        steering_search: SearchResult.optional(),
      }),
    ),
    usage: UsageCounts,
    prompt_logprobs: PromptLogprobs.optional(),
    ...steeringEcho,
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
        delta: z.strictObject({
          role: z.literal("assistant").optional(),
          content: z.string().nullable().optional(),
          tool_calls: z.array(ToolCallChange).optional(),
        }),
        logprobs: ChatLogprobs.nullable(),
        finish_reason: chatFinishReason.nullable(),
        steering_trace: SteeringTraces.optional(),
        steering_search: SearchResult.optional(),
      }),
    ),
    usage: UsageCounts.nullable().optional(),
    ...steeringEcho,
  })
  .meta({ id: "ChatCompletionChunk" });
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;
