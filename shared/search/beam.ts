import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { type BeamMethod, candidateCount, commonFields } from "./method.ts";

const schema = z
  .strictObject({
    method: z.literal("beam").meta({ description: "Follow the likeliest texts side by side" }),
    best_of: candidateCount(LIMITS.beams).meta({ description: "How many beams there are" }),
    groups: z.int().min(1).max(LIMITS.beams).default(1).meta({
      description: "Groups of beams that keep away from each other's tokens",
    }),
    diversity: z.number().min(0).max(LIMITS.diversity).default(0.5).meta({
      description: "What a token loses for each beam of an earlier group that takes it in the same step",
    }),
    length_penalty: z.number().min(-LIMITS.lengthPenalty).max(LIMITS.lengthPenalty).default(1).meta({
      description: "A text's log-probability is divided by its length to this power",
    }),
    early_stopping: z
      .union([z.boolean(), z.literal("never")])
      .default(false)
      .meta({
        description:
          "true: stop once there are as many whole texts as beams; false: once an unfinished one of its length could not win; never: once none of any length could",
      }),
    ...commonFields,
  })
  .refine(({ best_of: beams, groups }) => beams % groups === 0, {
    path: ["groups"],
    message: "must divide `best_of`",
  });
export type Beam = z.infer<typeof schema>;

/** The likeliest texts are followed side by side; see `BeamSearch` and `DiverseBeams`. */
export const beam: BeamMethod<Beam> = { kind: "beams", schema };
