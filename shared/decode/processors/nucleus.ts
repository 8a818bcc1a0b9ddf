import { logSumExp } from "../logits.ts";
import type { ProcessorKind } from "../processor.ts";
import { placeOfMass } from "../select-by-mass.ts";

/** Rules out all but the smallest set of likeliest tokens whose probabilities add up to at least this. Holtzman et al. 2020. */
export const nucleus: ProcessorKind<number> = {
  isNeutral: (topP) => topP >= 1,
  create() {
    const cut = nucleusCut();
    return {
      apply(rows) {
        for (const { settings, scores } of rows) cut(scores, settings);
      },
    };
  },
};

/**
 * A function that rules out, in place, what is outside the nucleus of scores [V]. Of equally likely tokens, those with lower ids
 * come first. It keeps its buffers from call to call.
 */
export function nucleusCut(): (scores: Float64Array, topP: number) => void {
  let order = new Uint32Array();
  return (scores, topP) => {
    if (order.length !== scores.length) order = new Uint32Array(scores.length);
    const normaliser = logSumExp(scores);
    // If a token of the nucleus were less likely than this, all tokens outside it together could not make up the rest of 1.
    const least = Math.log((1 - topP) / scores.length) + normaliser;
    let count = 0;
    for (let token = 0; token < scores.length; token++) {
      if (scores[token]! >= least) order[count++] = token;
      else scores[token] = Number.NEGATIVE_INFINITY;
    }
    const candidates = order.subarray(0, count);
    const last = placeOfMass(candidates, {
      wanted: topP,
      mass: (token) => Math.exp(scores[token]! - normaliser),
      isBefore: (a, b) => scores[a]! > scores[b]! || (scores[a] === scores[b] && a < b),
    });
    for (const token of candidates.subarray(last + 1)) scores[token] = Number.NEGATIVE_INFINITY;
  };
}
