import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Answer, findAnswer } from "./answers.ts";
import { candidateCount, commonFields, type SampledMethod } from "./method.ts";

const schema = z.strictObject({
  method: z.literal("vote").meta({ description: "Return a text with the answer that most texts give" }),
  best_of: candidateCount(LIMITS.candidates),
  answer: Answer.default("last_line").meta({ description: "What of a text is its answer" }),
  ...commonFields,
});
export type Vote = z.infer<typeof schema>;

/**
 * Self-consistency, Wang et al. 2023: n texts are drawn, and the answer that most of them end with wins; of answers with equally
 * many votes, the one whose texts are likelier on average. The first text with that answer is returned, and its score is the share
 * of votes. A text without an answer does not vote; where none has one, the likeliest text is returned with a score of 0.
 */
export const vote: SampledMethod<Vote> = {
  kind: "sampled",
  schema,
  by: () => "likelihood",
  oneByOne: false,
  isEnough: () => false,
  choose({ answer }, candidates) {
    const voters = new Map<string, number[]>();
    for (const [at, { text }] of candidates.entries()) {
      const found = findAnswer(text, answer);
      if (found !== null) voters.set(found, [...(voters.get(found) ?? []), at]);
    }
    const likelihood = (all: readonly number[]) =>
      all.reduce((sum, at) => sum + candidates[at]!.likelihood, 0) / all.length;
    const ranked = [...voters.values()].toSorted((a, b) => b.length - a.length || likelihood(b) - likelihood(a));
    const [winners] = ranked;
    if (winners !== undefined) return { at: winners[0]!, score: winners.length / candidates.length };
    const likeliest = candidates.reduce(
      (best, { likelihood }, at) => (likelihood > candidates[best]!.likelihood ? at : best),
      0,
    );
    return { at: likeliest, score: 0 };
  },
};
