/** `/v1/responses`, limited to what a chat supports: text in, text out, nothing stored. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { FOREIGN_FIELDS, foreignFields } from "./foreign-fields.ts";
import {
  cacheHints,
  deltaField,
  emptyList,
  neutralFields,
  obfuscation,
  reasoningSettings,
  samplingFields,
  steeringTokens,
  verbosity,
} from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { notSupported, unsupported } from "./parse.ts";
import { TextFormat } from "./response-format.ts";
import {
  checkResponseTools,
  FunctionCallItem,
  FunctionOutputItem,
  ResponseToolChoice,
  responseToolRequest,
} from "./response-tools.ts";
import { steeringEcho, steeringFields } from "./steering.ts";
import { toolProblem } from "./tools.ts";

const { temperature, top_p, top_k, min_p, repetition_penalty, min_tokens, ignore_eos, stream, user } = samplingFields;

const inputPart = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("input_text"), text: z.string(), ...cacheHints }),
  // A reply sent back, with the fields that SDKs add.
  z.strictObject({
    type: z.literal("output_text"),
    text: z.string(),
    annotations: emptyList,
    logprobs: z.array(z.unknown()).optional(),
    parsed: z.unknown().optional(),
  }),
  z.strictObject({ type: z.literal("refusal"), refusal: z.string() }),
]);

const status = z.enum(["in_progress", "completed", "incomplete"]);

/** A turn: a message as a person writes it, or an item of an earlier response's `output`. */
export const InputMessage = z
  .strictObject({
    type: z.literal("message", notSupported('"message"')).optional(),
    role: z.enum(["system", "developer", "user", "assistant"]),
    content: z.union([z.string(), z.array(inputPart).min(1).max(1000)]),
    id: z.string().max(300).optional(),
    status: status.optional(),
    phase: z.enum(["commentary", "final_answer"]).optional(),
  })
  .meta({ id: "ResponseInputMessage" });
export type InputMessage = z.infer<typeof InputMessage>;

const InputItem = z.union([InputMessage, FunctionCallItem, FunctionOutputItem]);
export type InputItem = z.infer<typeof InputItem>;

/** What may be included in a response. Only log-probabilities exist here; the rest belongs to tools and reasoning. */
const includable = z.enum([
  "message.output_text.logprobs",
  "reasoning.encrypted_content",
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
]);

export const CreateResponse = z
  .strictObject({
    ...foreignFields(FOREIGN_FIELDS.response),
    model: z.string().min(1).max(300),
    input: z.union([z.string(), z.array(InputItem).min(1).max(LIMITS.messages)]),
    instructions: z.string().optional().meta({ description: "Put before the input as a system message" }),
    max_output_tokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
    temperature,
    top_p,
    top_k,
    min_p,
    repetition_penalty,
    min_tokens,
    ignore_eos,
    top_logprobs: z.int().min(0).max(LIMITS.topLogprobs).optional(),
    include: z.array(includable).optional(),
    stream,
    stream_options: z.strictObject({ include_obfuscation: obfuscation }).optional(),
    metadata: Metadata.optional(),
    user,
    deltas: deltaField,
    ...neutralFields,
    tool_choice: ResponseToolChoice.optional(),
    text: z
      .strictObject({
        format: TextFormat.optional(),
        verbosity,
      })
      .optional(),
    reasoning: reasoningSettings,
    truncation: z.literal("disabled", notSupported('"disabled"')).optional(),
    background: z.literal(false, notSupported("false")).optional(),
    max_tool_calls: z.int().min(0).optional(),
    context_management: emptyList,
    previous_response_id: unsupported(),
    conversation: unsupported(),
    prompt: unsupported(),
    image: unsupported(),
    access_programs: unsupported(),
    steering: steeringFields.steering,
  })
  .superRefine((request, context) => {
    checkResponseTools(request, context);
    if (context.issues.length > 0) return;
    const problem = toolProblem(responseToolRequest(request));
    if (problem !== undefined) context.addIssue({ code: "custom", path: [...problem.path], message: problem.message });
  })
  .meta({ id: "CreateResponse" });
export type CreateResponse = z.infer<typeof CreateResponse>;

const scored = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };

export const OutputText = z
  .strictObject({
    type: z.literal("output_text"),
    text: z.string(),
    annotations: z.array(z.unknown()).max(0),
    logprobs: z.array(z.strictObject({ ...scored, top_logprobs: z.array(z.strictObject(scored)) })),
  })
  .meta({ id: "ResponseOutputText" });
export type OutputText = z.infer<typeof OutputText>;

export const OutputMessage = z
  .strictObject({
    id: z.string(),
    type: z.literal("message"),
    role: z.literal("assistant"),
    status,
    content: z.array(OutputText),
  })
  .meta({ id: "ResponseOutputMessage" });
export type OutputMessage = z.infer<typeof OutputMessage>;

export const OutputCall = z
  .strictObject({
    id: z.string(),
    type: z.literal("function_call"),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string().meta({ description: "JSON, as the model wrote it" }),
    status,
  })
  .meta({ id: "ResponseFunctionCall" });
export type OutputCall = z.infer<typeof OutputCall>;

export const ResponseUsage = z
  .strictObject({
    input_tokens: z.int(),
    input_tokens_details: z.strictObject({
      cached_tokens: z.int().meta({ description: "Input tokens that an earlier request had computed" }),
      cache_write_tokens: z.literal(0).meta({ description: "Writing to the cache costs nothing extra" }),
    }),
    output_tokens: z.int(),
    output_tokens_details: z.strictObject({ reasoning_tokens: z.literal(0) }),
    total_tokens: z.int(),
    steering_tokens: steeringTokens,
  })
  .meta({ id: "ResponseUsage" });

export const ResponseObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status,
    background: z.literal(false),
    error: z.null(),
    incomplete_details: z.strictObject({ reason: z.literal("max_output_tokens") }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    max_tool_calls: z.int().nullable(),
    metadata: Metadata,
    model: z.string(),
    output: z.array(z.discriminatedUnion("type", [OutputMessage, OutputCall])),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.null(),
    reasoning: z.strictObject({ effort: z.null(), summary: z.null() }),
    service_tier: z.literal("default"),
    store: z.boolean(),
    temperature: z.number(),
    text: z.strictObject({ format: TextFormat }),
    ...steeringEcho,
    tool_choice: ResponseToolChoice,
    tools: z.array(z.looseObject({})),
    top_logprobs: z.int(),
    top_p: z.number(),
    truncation: z.literal("disabled"),
    usage: ResponseUsage.nullable(),
    user: z.string().nullable(),
  })
  .meta({ id: "Response" });
export type ResponseObject = z.infer<typeof ResponseObject>;
