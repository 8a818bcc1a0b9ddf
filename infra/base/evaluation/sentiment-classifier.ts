/**
 * Distinguishes positive from negative reviews by logistic regression over the words and word pairs of a text.
 *
 * It judges what the base model writes, so it is trained on reviews held out of the model's training, and only on their
 * continuations: the opening, which is the model's prompt, already tells the sentiment.
 */
import { createRandom } from "../corpus/random.ts";
import { drawReview, type Sentiment } from "../corpus/reviews.ts";

export interface SentimentExample {
  readonly text: string;
  readonly sentiment: Sentiment;
}

export interface SentimentClassifier {
  /** The probability that the text is positive, in (0, 1); ½ for a text without any known word. */
  positive(text: string): number;
}

const EPOCHS = 8;
const LEARNING_RATE = 0.5;
const DECAY = 1e-4;

/** The distinct words and adjacent word pairs of a text, in lower case. */
function features(text: string): string[] {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const pairs = words.slice(1).map((word, i) => `${words[i]} ${word}`);
  return [...new Set([...words, ...pairs])];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Trains by stochastic gradient descent in the examples' order, so the result is deterministic. */
export function trainSentimentClassifier(examples: readonly SentimentExample[]): SentimentClassifier {
  const weights = new Map<string, number>();
  let bias = 0;
  // ‖x‖₂ = 1, so that long texts are not judged with more confidence than short ones.
  const score = (present: readonly string[]): number => {
    const sum = present.reduce((total, feature) => total + (weights.get(feature) ?? 0), 0);
    return sum / Math.sqrt(Math.max(1, present.length));
  };
  const prepared = examples.map(({ text, sentiment }) => ({
    present: features(text),
    target: sentiment === "positive" ? 1 : 0,
  }));
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const { present, target } of prepared) {
      // ∂(−log likelihood)/∂score = σ(score) − target
      const error = sigmoid(score(present) + bias) - target;
      const step = (LEARNING_RATE * error) / Math.sqrt(Math.max(1, present.length));
      for (const feature of present) weights.set(feature, (weights.get(feature) ?? 0) * (1 - DECAY) - step);
      bias -= LEARNING_RATE * 0.1 * error;
    }
  }
  return {
    positive: (text) => {
      const known = features(text).filter((feature) => weights.has(feature));
      return known.length === 0 ? 0.5 : sigmoid(score(known) + bias);
    },
  };
}

/** Continuations of reviews with held-out pairs of item and opening. */
export function heldOutReviewExamples(seed: number, count: number): SentimentExample[] {
  const random = createRandom(seed, "classifier");
  return Array.from({ length: count }, () => {
    const { continuation, sentiment } = drawReview(true, random);
    return { text: continuation, sentiment };
  });
}
