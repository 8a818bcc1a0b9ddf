import { z } from "zod";
import { MAJORITY_SIGN_METHODS } from "../delta/merge/method.ts";
import { MERGE_METHODS, type MergeMethodName } from "../delta/merge/registry.ts";
import { LIMITS } from "../limits.ts";
import { deltaWeight } from "./generate.ts";
import { Suffix } from "./ids.ts";
import { Delta, Model } from "./models.ts";

export const MergeDeltas = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .max(300)
      .meta({ description: "The base model that all the deltas were made for, or an alias of it" }),
    deltas: z
      .array(
        z.strictObject({
          id: z.string().min(1).max(300).meta({ description: "A delta's id, or the name of a model with a delta" }),
          weight: deltaWeight
            .refine((weight) => weight !== 0, "must not be 0; leave the delta out of the list instead")
            .default(1)
            .meta({ description: "A negative weight subtracts the delta" }),
        }),
      )
      .min(1)
      .max(LIMITS.deltasPerRequest),
    method: z
      .enum(Object.keys(MERGE_METHODS) as MergeMethodName[])
      .default("linear")
      .meta({
        description:
          "`linear` and `cat` give the exact sum, at its true rank or with the factors side by side; `svd` gives the nearest approximation of rank `rank`; `ties`, `dare`, `dare_ties` and `magnitude_prune` keep a fraction `density` of the elements",
      }),
    rank: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .meta({ description: "The highest rank of a layer in the result; defaults to the highest among the deltas" }),
    density: z.number().gt(0).max(1).optional().meta({ description: "The fraction of elements to keep" }),
    majority_sign_method: z
      .enum(MAJORITY_SIGN_METHODS)
      .optional()
      .meta({ description: "How an element's sign is elected: by sum or by count; defaults to `total`" }),
    seed: z.int().min(0).max(2_147_483_647).optional().meta({ description: "Defaults to 0" }),
    suffix: Suffix.optional(),
    output: z
      .enum(["delta", "model"])
      .default("delta")
      .meta({ description: "`model` folds the result into the base's weights, which gives a complete model" }),
  })
  .meta({ id: "MergeDeltas" });
export type MergeDeltas = z.infer<typeof MergeDeltas>;

export const MergedDeltas = z.union([Delta, Model]).meta({ id: "MergedDeltas" });
