/** The common part of `/v1/chat/completions` and `/v1/completions`. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";

/** Fields of both requests. As in OpenAI's API, null means absent. */
export const samplingFields = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  n: z.int().min(1).max(LIMITS.choices).nullish(),
  seed: z.int().nullish(),
  max_tokens: z.int().min(1).max(LIMITS.maxTokens).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  stop: z
    .union([
      z.string().min(1).max(LIMITS.stopLength),
      z.array(z.string().min(1).max(LIMITS.stopLength)).max(LIMITS.stopSequences),
    ])
    .nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, "must be a token id"), z.number().min(-100).max(100))
    .refine((bias) => Object.keys(bias).length <= LIMITS.logitBias, `must have at most ${LIMITS.logitBias} entries`)
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).nullish(),
  user: z.string().max(512).nullish(),
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
  .nullish();

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
