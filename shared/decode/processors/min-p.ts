import { argmax } from "../logits.ts";
import type { ProcessorKind } from "../processor.ts";

/**
 * Rules out tokens that are less than `minP` times as probable as the likeliest: p < minP · max p, which is
 * score < highest + ln minP. Nguyen et al. 2024.
 */
export const minP: ProcessorKind<number> = {
  isNeutral: (share) => share <= 0,
  create: () => ({
    apply(rows) {
      for (const { settings: share, scores } of rows) {
        const least = scores[argmax(scores)]! + Math.log(share);
        for (let token = 0; token < scores.length; token++) {
          if (scores[token]! < least) scores[token] = Number.NEGATIVE_INFINITY;
        }
      }
    },
  }),
};
