import { logSumExp } from "../logits.ts";
import type { ProcessorKind } from "../processor.ts";

/** Rules out all but the smallest set of likeliest tokens whose probabilities add up to at least this. Holtzman et al. 2020. */
export const nucleus: ProcessorKind<number> = {
  isNeutral: (topP) => topP >= 1,
  create: () => ({
    apply(rows) {
      for (const { settings, scores } of rows) keepNucleus(scores, settings);
    },
  }),
};

/** Rules out the rest in place. Of equally likely tokens, those with lower ids come first. */
export function keepNucleus(scores: Float64Array, topP: number): void {
  const normaliser = logSumExp(scores);
  // If a token of the nucleus were less likely than this, all tokens outside it together could not make up the rest of 1.
  const least = (1 - topP) / scores.length;
  const candidates: { readonly token: number; readonly probability: number }[] = [];
  for (let token = 0; token < scores.length; token++) {
    const probability = Math.exp(scores[token]! - normaliser);
    if (probability >= least) candidates.push({ token, probability });
  }
  candidates.sort((a, b) => b.probability - a.probability || a.token - b.token);
  const kept: [token: number, score: number][] = [];
  let mass = 0;
  for (const { token, probability } of candidates) {
    kept.push([token, scores[token]!]);
    mass += probability;
    if (mass >= topP) break;
  }
  scores.fill(Number.NEGATIVE_INFINITY);
  for (const [token, score] of kept) scores[token] = score;
}
