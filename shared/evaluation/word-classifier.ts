/** A linear classifier on words, small enough to be a file beside a model. */

export interface WordClassifier {
  readonly bias: number;
  /** By word or pair of neighbouring words, in lower case; above 0 for the high class. */
  readonly weights: Readonly<Record<string, number>>;
}

/** The distinct words and pairs of neighbouring words of a text, in lower case. */
export function wordFeatures(text: string): string[] {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const pairs = words.slice(1).map((word, i) => `${words[i]} ${word}`);
  return [...new Set([...words, ...pairs])];
}

/**
 * The probability that a text is of the high class: σ(b + Σ w / √m) over the m features that are known, so that long texts are not
 * judged with more confidence than short ones.
 *
 * @returns null for a text without any known word
 */
export function highProbability({ bias, weights }: WordClassifier, text: string): number | null {
  const known = wordFeatures(text).filter((feature) => Object.hasOwn(weights, feature));
  if (known.length === 0) return null;
  const sum = known.reduce((total, feature) => total + weights[feature]!, 0);
  return 1 / (1 + Math.exp(-(sum / Math.sqrt(known.length) + bias)));
}
