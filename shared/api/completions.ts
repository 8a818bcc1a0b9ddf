import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { FOREIGN_FIELDS, foreignFields } from "./foreign-fields.ts";
import {
  deltaField,
  finishReason,
  PromptLogprobs,
  promptLogprobs,
  samplingFields,
  store,
  UsageCounts,
} from "./generate.ts";
import { Metadata } from "./jobs.ts";
import { notSupported } from "./parse.ts";
import { SearchResult, SteeringTraces, steeringEcho, steeringFields } from "./steering.ts";

/** The first wrong one ends the check of a list, which may have half a million. */
const tokenId = z.int().min(0, { abort: true }).max(2_147_483_647, { abort: true });

export const CreateCompletion = z
  .strictObject({
    model: z.string().min(1).max(300),
    prompt: z
      .union([
        z.string(),
        z.array(z.string()).min(1).max(LIMITS.prompts),
        z.array(tokenId).min(1).max(LIMITS.jsonBody),
        z.array(z.array(tokenId).min(1)).min(1).max(LIMITS.prompts),
      ])
      .meta({ description: "One or several prompts, as text or token ids" }),
    ...foreignFields(FOREIGN_FIELDS.completion),
    ...samplingFields,
    max_tokens: z
      .int()
      .min(0)
      .max(LIMITS.maxTokens)
      .optional()
      .meta({ description: "0: the prompt is read, and scored with `echo` and `logprobs`" }),
    logprobs: z.int().min(0).max(LIMITS.completionLogprobs).optional(),
    deltas: deltaField,
    ...steeringFields,
    echo: z.boolean().optional().meta({ description: "Repeat the prompt before the text, in `logprobs` too" }),
    prompt_logprobs: promptLogprobs,
    best_of: z.int().min(1).max(LIMITS.choices).optional(),
    suffix: z.literal("", notSupported('""')).optional(),
    store,
    metadata: Metadata.optional().meta({ description: "Kept with a completion that is stored" }),
  })
  .refine(({ best_of: bestOf = 1, n = 1 }) => bestOf === 1 || bestOf === n, {
    path: ["best_of"],
    message: "must be 1 or `n`: choosing the best of several completions is not supported",
  })
  .meta({ id: "CreateCompletion" });
export type CreateCompletion = z.infer<typeof CreateCompletion>;

export const CompletionLogprobs = z
  .strictObject({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()).meta({ description: "null for the first token of a prompt" }),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(z.int()),
  })
  .meta({ id: "CompletionLogprobs" });
export type CompletionLogprobs = z.infer<typeof CompletionLogprobs>;

/** A completion, or a chunk of a stream; in chunks, `finish_reason` is null until the last one of a choice. */
export const CompletionObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.int(),
    model: z.string(),
    system_fingerprint: z.string().nullable(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        text: z.string(),
        logprobs: CompletionLogprobs.nullable(),
        prompt_logprobs: PromptLogprobs.optional(),
        finish_reason: finishReason.nullable(),
        steering_trace: SteeringTraces.optional(),
        steering_search: SearchResult.optional(),
      }),
    ),
    usage: UsageCounts.nullable().optional(),
    ...steeringEcho,
  })
  .meta({ id: "Completion" });
export type CompletionObject = z.infer<typeof CompletionObject>;
