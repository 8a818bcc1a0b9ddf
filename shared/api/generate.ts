/** The common part of `/v1/chat/completions` and `/v1/completions`. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { notSupported, unsupported } from "./parse.ts";

/** Random characters that hide the length of a chunk's text from anyone who counts the bytes on the wire. */
export const obfuscation = z.boolean().optional().meta({ description: "Fill chunks up to a multiple of 64 bytes" });

/**
 * Fields of both requests: OpenAI's, and `top_k`, `min_p`, `repetition_penalty`, `min_tokens` and `ignore_eos`, which vLLM added
 * under these names.
 * `jsonBody` has removed every null.
 */
export const samplingFields = {
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z
    .int()
    .min(-1)
    .optional()
    .meta({ description: "Draw from this many of the likeliest tokens; 0 and -1: from all" }),
  min_p: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: "Draw from tokens at least this fraction as probable as the likeliest" }),
  repetition_penalty: z
    .number()
    .gt(0)
    .max(LIMITS.repetitionPenalty)
    .optional()
    .meta({ description: "Above 1 makes tokens of the prompt and of the text so far less likely" }),
  n: z.int().min(1).max(LIMITS.choices).optional(),
  seed: z.number().refine(Number.isInteger, "must be an integer").optional(),
  max_tokens: z.int().min(1).max(LIMITS.maxTokens).optional(),
  min_tokens: z.int().min(0).max(LIMITS.maxTokens).optional().meta({
    description: "Tokens before one may end the text; a stop sequence ends it at any time",
  }),
  ignore_eos: z.boolean().optional().meta({ description: "Go on behind tokens that end a text, up to the limit" }),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  stop: z
    .union([z.string().max(LIMITS.stopLength), z.array(z.string().max(LIMITS.stopLength)).max(LIMITS.stopSequences)])
    .optional()
    .meta({ description: "Empty sequences are left out" }),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, "must be a token id"), z.number().min(-100).max(100))
    .refine((bias) => Object.keys(bias).length <= LIMITS.logitBias, `must have at most ${LIMITS.logitBias} entries`)
    .optional(),
  stream: z.boolean().optional(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().optional(),
      include_obfuscation: obfuscation,
      continuous_usage_stats: z.literal(false, notSupported("false")).optional(),
    })
    .optional(),
  user: z.string().max(512).optional(),
};

/** Accepts fields without effect: names for caches and for detecting abuse, which this server does not use. */
const label = z.string().max(512).optional();

/** Of every route that generates. */
export const store = z
  .boolean()
  .optional()
  .meta({ description: `Keep the completion for ${LIMITS.keptCompletionDays} days, so that feedback can name it` });

/**
 * Unsupported fields that chats and responses share. Accepts only their neutral values and rejects all others by name.
 */
export const neutralFields = {
  tools: z
    .array(z.looseObject({}))
    .max(LIMITS.tools)
    .optional()
    .meta({ description: 'Functions; with `tool_choice: "none"` any tools, and the model is not told of them' }),
  parallel_tool_calls: z.boolean().optional(),
  service_tier: z.enum(["auto", "default"], notSupported('"auto" or "default"')).optional(),
  store,
  prompt_cache_key: label,
  prompt_cache_retention: z.enum(["in_memory", "24h"]).optional().meta({ description: "A maximum, and always kept" }),
  prompt_cache_options: z
    .strictObject({
      mode: z.literal("implicit", notSupported('"implicit"')).optional(),
      ttl: z.literal("30m", notSupported('"30m"')).optional(),
    })
    .optional(),
  safety_identifier: label,
  moderation: unsupported(),
};

/** vLLM's field, and what a reply has for it. */
export const promptLogprobs = z.int().min(0).max(LIMITS.topLogprobs).optional().meta({
  description:
    "Report each token of the prompt, and this many of the likeliest in its place; not with `stream` or `steering`",
});

export const PromptLogprobs = z
  .array(
    z
      .record(
        z.string().regex(/^\d+$/),
        z.strictObject({
          logprob: z.number(),
          rank: z.int().meta({ description: "1: the likeliest" }),
          decoded_token: z.string(),
        }),
      )
      .nullable(),
  )
  .meta({ id: "PromptLogprobs", description: "By token id, of each place in the prompt; null for the first" });
export type PromptLogprobs = z.infer<typeof PromptLogprobs>;

export const emptyList = z.array(z.unknown()).max(0, notSupported("[]")).optional();

/** Prompt cache hints change no answer, so they are accepted; this server caches prompts without them. */
export const cacheHints = {
  cache_control: z.looseObject({ type: z.literal("ephemeral") }).optional(),
  prompt_cache_breakpoint: z.looseObject({ mode: z.literal("explicit") }).optional(),
};

export const verbosity = z.literal("medium", notSupported('"medium"')).optional();
export const reasoningEffort = z.literal("none", notSupported('"none"')).optional();

/** Reasoning as an object: of responses, and of OpenRouter's chats. */
export const reasoningSettings = z
  .strictObject({ effort: reasoningEffort, enabled: z.literal(false, notSupported("false")).optional() })
  .optional();

export const deltaWeight = z.number().min(-LIMITS.deltaWeight).max(LIMITS.deltaWeight);

/** Deltas applied to `model`: W + Σ wᵢ ΔWᵢ. Ids refer to deltas or fine-tuned models. */
export const deltaField = z
  .array(
    z.strictObject({
      id: z.string().min(1).max(300),
      weight: deltaWeight.default(1),
    }),
  )
  .max(LIMITS.deltasPerRequest)
  .optional();

export const steeringTokens = z.int().optional().meta({
  description:
    "Positions that steering computed beside the text: of other rows, and looked ahead. What a scorer judges costs none",
});

export const UsageCounts = z
  .strictObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.strictObject({
      cached_tokens: z.int().meta({ description: "Prompt tokens that an earlier request had computed" }),
    }),
    steering_tokens: steeringTokens,
  })
  .meta({ id: "CompletionUsage" });
export type UsageCounts = z.infer<typeof UsageCounts>;

export const finishReason = z.enum(["stop", "length"]);
