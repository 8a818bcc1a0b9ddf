import type { SettingsOf } from "../../shared/api/methods.ts";
import { parseTrainingFile } from "../../shared/data/training-lines.ts";
import type { Objective } from "./objective.ts";

/**
 * Supervised fine-tuning: next-token cross-entropy over the assistant's turns or the completions, divided by their number of
 * tokens in the whole step, so that neither packing nor micro-batches change the result. Every step and every measurement of
 * the validation file also reports the share of those tokens that the model ranks first.
 */
export const supervised: Objective<SettingsOf<"supervised">> = {
  form: () => ({ examples: 1 }),
  imitates: true,
  *lines({ bytes, name, format }) {
    for (const { line, example } of parseTrainingFile(bytes, { name, format })) yield { line, examples: [example] };
  },
  loss: (context) => {
    const { logProbabilities, hits } = context.scores({ hits: true });
    return {
      loss: context.b.neg(context.meanOverTokens(logProbabilities)),
      metrics: { mean_token_accuracy: { value: context.meanOverTokens(hits!), kind: "sum" } },
    };
  },
};
