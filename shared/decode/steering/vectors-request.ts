/** The `vectors` part of a request: steering vectors, which are deltas and need no processor. */
import { z } from "zod";
import { LIMITS } from "../../limits.ts";
import { modelId } from "./side.ts";

export const vectorsRequest = z
  .array(
    z.strictObject({
      id: modelId.meta({ description: "A delta that a job of type steering_vector made" }),
      strength: z
        .number()
        .min(-LIMITS.vectorStrength)
        .max(LIMITS.vectorStrength)
        .default(1)
        .meta({ description: "What the vector is multiplied by: 1 is the difference between the sides of its pairs" }),
      condition: z
        .union([
          z.boolean(),
          z.strictObject({
            threshold: z.number().min(-1).max(1).meta({ description: "A cosine, in place of the fitted one" }),
          }),
        ])
        .default(false)
        .meta({
          description:
            "Steer only where the prompt meets the vector's own condition, from the first generated token on; a threshold takes the place of the fitted one",
        }),
    }),
  )
  .min(1)
  .max(LIMITS.steeringVectors)
  .meta({ description: "Steering vectors, added to the stream after their layers" });
