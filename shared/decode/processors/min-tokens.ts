import type { ProcessorKind } from "../processor.ts";

export interface MinTokens {
  /** How many tokens come before one may end the text. */
  readonly tokens: number;
  /** Tokens that end it. */
  readonly endTokens: readonly number[];
}

/** Rules out the tokens that end a text while it has fewer tokens, as in vLLM, unless nothing else is left. */
export const minTokens: ProcessorKind<MinTokens> = {
  isNeutral: ({ tokens, endTokens }) => tokens <= 0 || endTokens.length === 0,
  create: () => ({
    apply(rows) {
      for (const { row, settings, scores } of rows) {
        const { tokens, endTokens } = settings;
        if (row.generated.length >= tokens) continue;
        const ends = new Set(endTokens);
        if (scores.every((score, token) => ends.has(token) || score === Number.NEGATIVE_INFINITY)) continue;
        for (const token of ends) if (token < scores.length) scores[token] = Number.NEGATIVE_INFINITY;
      }
    },
  }),
};
