import { kthHighest } from "../logits.ts";
import type { ProcessorKind } from "../processor.ts";

/**
 * Rules out all but the k likeliest tokens; those that equal the k-th stay with it, as in transformers. Fan et al. 2018. 0 and
 * −1 leave all.
 */
export const topK: ProcessorKind<number> = {
  isNeutral: (k) => k <= 0,
  create: () => ({
    apply(rows) {
      for (const { settings: k, scores } of rows) {
        if (k >= scores.length) continue;
        const least = kthHighest(scores, k);
        for (let token = 0; token < scores.length; token++) {
          if (scores[token]! < least) scores[token] = Number.NEGATIVE_INFINITY;
        }
      }
    },
  }),
};
