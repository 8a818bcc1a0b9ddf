import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { flawed, graderKind } from "../kind.ts";
import { TEXT_METRIC_NAMES, TEXT_METRICS, type TextMetricName } from "../text/metrics.ts";
import { checkCompared, comparedFields, graderName, passThreshold, renderCompared } from "./fields.ts";

const NO_COSINE =
  "is not supported by this server as cosine, which compares embeddings, and it has no model that makes them; use meteor or rouge_l, or ask a model with a score_model grader";

/** How alike two texts are, by one of the metrics of `TEXT_METRICS`. */
export const textSimilarity = graderKind({
  type: "text_similarity",
  schema: z
    .strictObject({
      type: z.literal("text_similarity"),
      name: graderName,
      passThreshold,
      evaluation_metric: z
        .enum(["cosine", ...TEXT_METRIC_NAMES])
        .refine((metric): metric is TextMetricName => metric !== "cosine", NO_COSINE)
        .meta({
          description:
            "Between 0 and 1. bleu is sacrebleu's, gleu and meteor are nltk's (meteor without WordNet's synonyms), rouge_n and rouge_l are rouge-score's F-measures, fuzzy_match is rapidfuzz's ratio; cosine is not served",
        }),
      ...comparedFields,
      pass_threshold: passThreshold,
    })
    .meta({ id: "TextSimilarityGrader" }),
  check: checkCompared,
  models: () => [],
  grade(grader, context) {
    const texts = renderCompared(grader, context);
    if ("flaw" in texts) return flawed(texts.flaw);
    const metric = TEXT_METRICS[grader.evaluation_metric];
    try {
      return { score: metric(texts.input, texts.reference), usage: [] };
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      throw new TrimtabError(error.code, error.message, { param: `${context.at}.input`, cause: error });
    }
  },
});
