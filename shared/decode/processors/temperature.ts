import { argmax } from "../logits.ts";
import type { ProcessorKind } from "../processor.ts";

/**
 * score = (score − highest) / temperature. The temperature is positive: taking the likeliest token does not involve scores
 * (`DecodeSettings.greedy`). Subtracting the highest score first changes no probability and keeps scores finite at a tiny
 * temperature.
 */
export const temperature: ProcessorKind<number> = {
  isNeutral: (value) => value === 1,
  create: () => ({
    apply(rows) {
      for (const { settings, scores } of rows) {
        const highest = scores[argmax(scores)]!;
        for (let token = 0; token < scores.length; token++) scores[token] = (scores[token]! - highest) / settings;
      }
    },
  }),
};
