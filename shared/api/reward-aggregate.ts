import { z } from "zod";
import { LIMITS } from "../limits.ts";

/** How the rewards of an ensemble become one; what each computes is in `shared/delta/reward.ts`. */
export const RewardAggregateRequest = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("mean") }),
    z.strictObject({ type: z.literal("worst") }).meta({ description: "The least of the members' rewards" }),
    z.strictObject({
      type: z.literal("mean_minus_variance"),
      lambda: z.number().min(0).max(LIMITS.varianceWeight).default(1),
    }),
  ])
  .meta({ id: "RewardAggregate" });
