import type { ProcessorKind } from "../processor.ts";

/** Pairs of a token id and what is added to its score. Ids beyond the vocabulary are passed over. */
export type Bias = readonly (readonly [token: number, bias: number])[];

/** score += bias, as OpenAI's `logit_bias`. */
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
