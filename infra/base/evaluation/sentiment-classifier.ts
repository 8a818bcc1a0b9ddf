/**
 * Distinguishes positive from negative reviews by logistic regression over the words and word pairs of a text.
 *
 * It judges what the base model writes, so it is trained on reviews held out of the model's training, and only on their
 * continuations: the opening, which is the model's prompt, already tells the sentiment.
 */
import { highProbability } from "../../../shared/evaluation/word-classifier.ts";
import { createRandom } from "../corpus/random.ts";
import { drawReview, type Sentiment } from "../corpus/reviews.ts";
import { trainWordClassifier } from "./train-word-classifier.ts";

export interface SentimentExample {
  readonly text: string;
  readonly sentiment: Sentiment;
}

export interface SentimentClassifier {
  /** The probability that the text is positive, in (0, 1); ½ for a text without any known word. */
  positive(text: string): number;
}

/** Trains by stochastic gradient descent in the examples' order, so the result is deterministic. */
export function trainSentimentClassifier(examples: readonly SentimentExample[]): SentimentClassifier {
  const classifier = trainWordClassifier(
    examples.map(({ text, sentiment }) => ({ text, high: sentiment === "positive" })),
  );
  return { positive: (text) => highProbability(classifier, text) ?? 0.5 };
}

/** Continuations of reviews with held-out pairs of item and opening. */
export function heldOutReviewExamples(seed: number, count: number): SentimentExample[] {
  const random = createRandom(seed, "classifier");
  return Array.from({ length: count }, () => {
    const { continuation, sentiment } = drawReview(true, random);
    return { text: continuation, sentiment };
  });
}
