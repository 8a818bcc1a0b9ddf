/** Trains a classifier of words by logistic regression over the words and word pairs of texts. */
import { type WordClassifier, wordFeatures } from "../../../shared/evaluation/word-classifier.ts";

export interface LabelledText {
  readonly text: string;
  /** Whether it is of the class whose probability the classifier gives. */
  readonly high: boolean;
}

const EPOCHS = 8;
const LEARNING_RATE = 0.5;
const DECAY = 1e-4;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Trains by stochastic gradient descent in the examples' order, so the result is deterministic. */
export function trainWordClassifier(examples: readonly LabelledText[]): WordClassifier {
  const weights = new Map<string, number>();
  let bias = 0;
  // ‖x‖₂ = 1, so that long texts are not judged with more confidence than short ones.
  const score = (present: readonly string[]): number => {
    const sum = present.reduce((total, feature) => total + (weights.get(feature) ?? 0), 0);
    return sum / Math.sqrt(Math.max(1, present.length));
  };
  const prepared = examples.map(({ text, high }) => ({ present: wordFeatures(text), target: high ? 1 : 0 }));
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const { present, target } of prepared) {
      // ∂(−log likelihood)/∂score = σ(score) − target
      const error = sigmoid(score(present) + bias) - target;
      const step = (LEARNING_RATE * error) / Math.sqrt(Math.max(1, present.length));
      for (const feature of present) weights.set(feature, (weights.get(feature) ?? 0) * (1 - DECAY) - step);
      bias -= LEARNING_RATE * 0.1 * error;
    }
  }
  return { bias, weights: Object.fromEntries(weights) };
}

/** The classifier with its weights above a size, rounded: a small file that decides alike. */
export function compactClassifier({ bias, weights }: WordClassifier, least: number): WordClassifier {
  const kept = Object.entries(weights)
    .filter(([, weight]) => Math.abs(weight) >= least)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const rounded = (value: number) => Math.round(1000 * value) / 1000;
  return { bias: rounded(bias), weights: Object.fromEntries(kept.map(([word, weight]) => [word, rounded(weight)])) };
}
