/** The common part of `/v1/chat/completions` and `/v1/completions`. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { notSupported } from "./parse.ts";

/**
 * Fields of both requests: OpenAI's, and `top_k`, `min_p` and `repetition_penalty`, which vLLM added under these names.
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
      include_obfuscation: z.literal(false, notSupported("false")).optional(),
    })
    .optional(),
  user: z.string().max(512).optional(),
};

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

export const UsageCounts = z
  .strictObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.strictObject({
      cached_tokens: z.int().meta({ description: "Prompt tokens that an earlier request had computed" }),
    }),
  })
  .meta({ id: "CompletionUsage" });
export type UsageCounts = z.infer<typeof UsageCounts>;

export const finishReason = z.enum(["stop", "length"]);
