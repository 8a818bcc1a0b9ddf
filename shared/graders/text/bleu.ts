import { overlap } from "./n-grams.ts";
import { thirteenA } from "./thirteen-a.ts";
import { numbered } from "./words.ts";

const ORDERS = [1, 2, 3, 4] as const;

/**
 * BLEU of one text against one reference, between 0 and 1 (Papineni et al., 2002): sacrebleu's `sentence_bleu`, over 100. Words
 * are `thirteenA`'s, case counts, orders that the text is too short for are left out, and an order without a match counts as
 * 1/2, 1/4, … of one (Chen and Cherry, 2014, method 3).
 */
export function bleu(input: string, reference: string): number {
  const words = numbered(thirteenA(input), thirteenA(reference));
  const [made, wanted] = [words.a.length, words.b.length];
  let logs = 0;
  let orders = 0;
  let matches = 0;
  let halves = 1;
  for (const n of ORDERS) {
    const { a: total, shared } = overlap(words, n);
    if (total === 0) break;
    orders = n;
    matches += shared;
    if (shared === 0) halves *= 2;
    logs += Math.log(shared === 0 ? 1 / (halves * total) : shared / total);
  }
  if (matches === 0) return 0;
  const brevity = made < wanted ? Math.exp(1 - wanted / made) : 1;
  return brevity * Math.exp(logs / orders);
}
