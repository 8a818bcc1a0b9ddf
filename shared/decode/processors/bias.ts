import type { ProcessorKind } from "../processor.ts";

/** Pairs of a token id and what to add to its score. Ids outside the vocabulary are ignored. */
export type Bias = readonly (readonly [token: number, bias: number])[];

/** score += bias, like OpenAI's `logit_bias`. */
export const bias: ProcessorKind<Bias> = {
  isNeutral: (pairs) => pairs.every(([, added]) => added === 0),
  create: () => ({
    apply(rows) {
      for (const { settings, scores } of rows) {
        for (const [token, added] of settings) if (token < scores.length) scores[token]! += added;
      }
    },
  }),
};
