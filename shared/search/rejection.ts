import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { SearchBy } from "./by.ts";
import { bestOf, candidateCount, commonFields, type SampledMethod } from "./method.ts";

const schema = z.strictObject({
  method: z.literal("rejection").meta({ description: "Draw texts until one reaches the threshold" }),
  best_of: candidateCount(LIMITS.candidates).meta({ description: "How many texts are drawn at most" }),
  by: SearchBy.meta({ description: "What finds one text better than another" }),
  threshold: z.number().min(-LIMITS.scorerScore).max(LIMITS.scorerScore).meta({
    description: "The score that is good enough: a probability for a classifier, a reward, a mean log-probability",
  }),
  ...commonFields,
});
export type Rejection = z.infer<typeof schema>;

/**
 * Texts are drawn one after another until one scores high enough. If none does, the best is returned, and the report says how the
 * search ended.
 */
export const rejection: SampledMethod<Rejection> = {
  kind: "sampled",
  schema,
  by: ({ by }) => by,
  oneByOne: true,
  isEnough: ({ threshold }, score) => score >= threshold,
  choose: (_, candidates) => bestOf(candidates),
};
