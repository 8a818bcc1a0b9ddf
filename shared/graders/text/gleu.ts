import { overlap } from "./n-grams.ts";
import { numbered, splitWords } from "./words.ts";

const ORDERS = [1, 2, 3, 4] as const;

/**
 * Google's BLEU of one text against one reference, between 0 and 1 (Wu et al., 2016): the n-grams of orders 1 to 4 that they
 * share, over those of the one that has more. nltk's `sentence_gleu` on the words between white space, in their case.
 */
export function gleu(input: string, reference: string): number {
  const words = numbered(splitWords(input), splitWords(reference));
  const orders = ORDERS.map((n) => overlap(words, n));
  const sum = (of: "a" | "b" | "shared") => orders.reduce((total, order) => total + order[of], 0);
  const all = Math.max(sum("a"), sum("b"));
  return all === 0 ? 0 : sum("shared") / all;
}
