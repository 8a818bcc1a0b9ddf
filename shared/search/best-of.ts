import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { SearchBy } from "./by.ts";
import { bestOf, candidateCount, commonFields, type SampledMethod } from "./method.ts";

const schema = z
  .strictObject({
    method: z.literal("best_of").default("best_of").meta({ description: "Return the best of several texts" }),
    best_of: candidateCount(LIMITS.candidates),
    by: SearchBy.default("likelihood").meta({ description: "What finds one text better than another" }),
    reject: z
      .strictObject({
        fraction: z
          .number()
          .gt(0)
          .max(0.95)
          .default(0.5)
          .meta({ description: "The share of unfinished candidates that is stopped at every check" }),
        every: z.int().min(1).max(LIMITS.checkpoint).default(16).meta({ description: "Tokens between two checks" }),
      })
      .optional()
      .meta({ description: "Stop poor candidates early, by how they score so far" }),
    ...commonFields,
  })
  .refine(({ by, reject }) => reject === undefined || typeof by === "string" || !("scorer" in by), {
    path: ["reject"],
    message: "must be left out with a scorer, which judges whole texts",
  });
export type BestOf = z.infer<typeof schema>;

/** n texts are drawn, and the one that scores highest is returned. */
export const bestOfN: SampledMethod<BestOf> = {
  kind: "sampled",
  schema,
  by: ({ by }) => by,
  oneByOne: false,
  isEnough: () => false,
  choose: (_, candidates) => bestOf(candidates),
};
