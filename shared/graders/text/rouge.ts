import { commonSubsequence } from "./common-subsequence.ts";
import { overlap } from "./n-grams.ts";
import { numbered } from "./words.ts";

/**
 * ROUGE-N of one text against one reference, between 0 and 1 (Lin, 2004): the F-measure of rouge-score's `rougeN`, without
 * stemming. Words are runs of a to z and digits after lower-casing, so a text in another script has none, and scores 0.
 */
export function rougeN(input: string, reference: string, n: number): number {
  const { a, b, shared } = overlap(numbered(comparableWords(input), comparableWords(reference)), n);
  return fMeasure(shared / Math.max(a, 1), shared / Math.max(b, 1));
}

/** The same by the longest common subsequence: rouge-score's `rougeL`. Throws `invalid_request` for texts that take too much work. */
export function rougeL(input: string, reference: string): number {
  return rougeLOfWords(comparableWords(input), comparableWords(reference));
}

/** The same of words that `comparableWords` has found, for texts that are compared with many. */
export function rougeLOfWords(input: readonly string[], reference: readonly string[]): number {
  const both = numbered(input, reference);
  if (both.a.length === 0 || both.b.length === 0) return 0;
  const length = commonSubsequence(both);
  return fMeasure(length / both.a.length, length / both.b.length);
}

/** Runs of a to z and digits, in lower case. */
export function comparableWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function fMeasure(precision: number, recall: number): number {
  return precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
}
