/** What every method of a search declares. A method is a file and a row of the registry. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import type { SearchBy } from "./by.ts";

/** A candidate that ended by itself or was stopped at its limit, with what its judge thinks of it. */
export interface JudgedCandidate {
  /** Its place among the candidates of its choice. */
  readonly index: number;
  readonly text: string;
  /** More is better. */
  readonly score: number;
  /** The mean log-probability of its tokens under the model itself. */
  readonly likelihood: number;
}

/** A method that draws whole texts and returns one of them. */
export interface SampledMethod<Asked> {
  readonly kind: "sampled";
  readonly schema: z.ZodType<Asked>;
  readonly by: (asked: Asked) => SearchBy;
  /** Whether a candidate is made only once those before it were not good enough; otherwise all are made. */
  readonly oneByOne: boolean;
  readonly isEnough: (asked: Asked, score: number) => boolean;
  /** At least one candidate. Gives the chosen one's place in the list, and what the report says of it as its score. */
  readonly choose: (asked: Asked, candidates: readonly JudgedCandidate[]) => Chosen;
}

export interface Chosen {
  readonly at: number;
  readonly score: number;
}

/** A method that follows several texts at once, token by token. */
export interface BeamMethod<Asked> {
  readonly kind: "beams";
  readonly schema: z.ZodType<Asked>;
}

export const candidateCount = (most: number) =>
  z.int().min(1).max(most).default(4).meta({ description: "How many candidates there are for each choice" });

/** Fields of every method. */
export const commonFields = {
  max_total_tokens: z.int().min(1).max(LIMITS.searchTokens).optional().meta({
    description:
      "Tokens that all candidates of a choice may have together; left out: as many as `best_of` texts of full length have",
  }),
};

/** The place of the highest score, of equal ones the first. */
export function bestOf(candidates: readonly Pick<JudgedCandidate, "score">[]): Chosen {
  let at = 0;
  for (const [i, { score }] of candidates.entries()) if (score > candidates[at]!.score) at = i;
  return { at, score: candidates[at]!.score };
}
