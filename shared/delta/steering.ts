import { z } from "zod";
import { Condition, checkCondition } from "./condition.ts";

export const VECTOR_METHODS = ["mean_difference", "pca"] as const;
export const VECTOR_POSITIONS = ["last", "mean", "completion"] as const;
export const VECTOR_SCALES = ["none", "unit", "stream"] as const;

/** How a delta of steering vectors was made, as its manifest says it. The vectors themselves are the delta's biases. */
export const SteeringFacts = z.strictObject({
  method: z.enum(VECTOR_METHODS),
  position: z.enum(VECTOR_POSITIONS),
  normalise: z.enum(VECTOR_SCALES),
  /** The layers after which a vector is added. */
  layers: z
    .array(
      z.strictObject({
        layer: z.int().min(0),
        /** The vector's length. */
        norm: z.number().positive(),
        /** The same, relative to the mean length of the residual stream after that layer over the texts that were read. */
        relative_norm: z.number().positive(),
      }),
    )
    .min(1)
    .max(512),
  /** When to apply the vectors; absent: always. */
  condition: Condition.optional(),
});
export type SteeringFacts = z.infer<typeof SteeringFacts>;

/** Throws `invalid_delta` for facts that do not fit the model. */
export function checkSteering(
  { condition }: SteeringFacts,
  model: { readonly layers: number; readonly hiddenSize: number },
): void {
  if (condition !== undefined) checkCondition(condition, model);
}
