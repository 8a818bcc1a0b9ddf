import { z } from "zod";
import { MAJORITY_SIGN_METHODS } from "../delta/merge/method.ts";
import { MERGE_METHODS, type MergeMethodName } from "../delta/merge/registry.ts";
import { LIMITS } from "../limits.ts";
import { deltaWeight } from "./generate.ts";
import { BaseId, Suffix } from "./ids.ts";
import { Delta, Model } from "./models.ts";

export const MergeDeltas = z
  .strictObject({
    model: BaseId.meta({ description: "The base model that all of the deltas were made for" }),
    deltas: z
      .array(
        z.strictObject({
          id: z.string().min(1).max(300).meta({ description: "A delta's id, or a model's name that answers with one" }),
          weight: deltaWeight
            .refine((weight) => weight !== 0, "must not be 0: leave the delta out instead")
            .default(1)
            .meta({ description: "A negative weight takes the delta away" }),
        }),
      )
      .min(1)
      .max(LIMITS.deltasPerRequest),
    method: z
      .enum(Object.keys(MERGE_METHODS) as MergeMethodName[])
      .default("linear")
      .meta({
        description:
          "`linear` and `cat` are the exact sum, at its own rank or with the factors side by side; `svd` is the nearest sum of a given `rank`; `ties`, `dare`, `dare_ties` and `magnitude_prune` keep a `density` of the elements",
      }),
    rank: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .meta({ description: "Of each layer in the result, at most; the largest among the deltas when left out" }),
    density: z.number().gt(0).max(1).optional().meta({ description: "The share of elements that is kept" }),
    majority_sign_method: z
      .enum(MAJORITY_SIGN_METHODS)
      .optional()
      .meta({ description: "How an element's sign is elected: by its sum, or by counting; `total` when left out" }),
    seed: z.int().min(0).max(2_147_483_647).optional().meta({ description: "0 when left out" }),
    suffix: Suffix.nullish(),
    output: z
      .enum(["delta", "model"])
      .default("delta")
      .meta({ description: "`model` folds the result into the base's weights: a model of its own" }),
  })
  .meta({ id: "MergeDeltas" });
export type MergeDeltas = z.infer<typeof MergeDeltas>;

export const MergedDeltas = z.union([Delta, Model]).meta({ id: "MergedDeltas" });
