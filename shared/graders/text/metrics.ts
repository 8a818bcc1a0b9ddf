import { bleu } from "./bleu.ts";
import { fuzzyMatch } from "./fuzzy-match.ts";
import { gleu } from "./gleu.ts";
import { meteor } from "./meteor.ts";
import { rougeL, rougeN } from "./rouge.ts";

/** How alike a text is to a reference, between 0 and 1. Throws `invalid_request` for texts that take too much work. */
export type TextMetric = (input: string, reference: string) => number;

const rouge =
  (n: number): TextMetric =>
  (input, reference) =>
    rougeN(input, reference, n);

/** OpenAI's `evaluation_metric` by name, all but `cosine`, which compares embeddings. */
export const TEXT_METRICS = {
  fuzzy_match: fuzzyMatch,
  bleu,
  gleu,
  meteor,
  rouge_1: rouge(1),
  rouge_2: rouge(2),
  rouge_3: rouge(3),
  rouge_4: rouge(4),
  rouge_5: rouge(5),
  rouge_l: rougeL,
} as const satisfies Readonly<Record<string, TextMetric>>;
export type TextMetricName = keyof typeof TEXT_METRICS;
export const TEXT_METRIC_NAMES = Object.keys(TEXT_METRICS) as [TextMetricName, ...TextMetricName[]];
