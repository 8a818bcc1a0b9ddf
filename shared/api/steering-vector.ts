import { z } from "zod";
import { VECTOR_METHODS, VECTOR_POSITIONS, VECTOR_SCALES } from "../delta/steering.ts";
import { TrimtabError } from "../errors.ts";

const layer = z.int().min(0).max(511);
const auto = z.literal("auto");

export const SteeringCondition = z
  .strictObject({
    when: z.enum(["positive", "negative"]).meta({
      description: "Which side a prompt must resemble for the vector to be applied",
    }),
    prompts: z.enum(["training_file", "validation_file"]).default("training_file").meta({
      description:
        'The prompts of either side: the sides of the pairs, or the lines of the job\'s validation file, such as `{"text", "label": 0 | 1}`',
    }),
    layer: z.union([auto, layer]).default("auto").meta({ description: "The layer after which prompts are compared" }),
    position: z
      .enum(["last", "mean"])
      .default("last")
      .meta({ description: "Which of the prompt's tokens are compared: the last one, or the mean of all" }),
  })
  .meta({ id: "SteeringCondition" });

/** The settings of a job that makes a steering vector from contrast pairs. It takes no gradient steps. */
export const SteeringVectorSettings = z.strictObject({
  layers: z
    .union([
      auto,
      layer,
      z
        .array(layer)
        .min(1)
        .max(64)
        .refine((layers) => new Set(layers).size === layers.length, "must name each layer once"),
    ])
    .default("auto")
    .meta({
      description:
        "The layers after which a vector is added; `auto`: the one that separates held-out pairs best, of all but the last",
    }),
  method: z
    .enum(VECTOR_METHODS)
    .default("mean_difference")
    .meta({ description: "The mean of the differences between the sides, or their first principal component" }),
  position: z.enum(VECTOR_POSITIONS).default("last").meta({
    description:
      "The tokens that are compared: the last one, the mean over all, or the mean over what follows the prompt",
  }),
  normalise: z.enum(VECTOR_SCALES).default("none").meta({
    description:
      "The length of the vector at a strength of 1: that of the difference between the sides, 1, or the typical length of the residual stream",
  }),
  condition: SteeringCondition.optional().meta({
    description: "Apply the vector only to prompts that meet a condition",
  }),
});
export type SteeringVectorSettings = z.infer<typeof SteeringVectorSettings>;

/** Throws `invalid_request`, naming the field and the range, for a layer that the model does not have. */
export function checkSteeringVector(
  { layers, condition }: SteeringVectorSettings,
  model: { readonly layers: number },
  path: string,
): void {
  const given: (readonly [field: string, layer: number])[] = [];
  if (typeof layers === "number") given.push(["layers", layers]);
  else if (layers !== "auto") given.push(...layers.map((layer, at) => [`layers[${at}]`, layer] as const));
  if (typeof condition?.layer === "number") given.push(["condition.layer", condition.layer]);
  const beyond = given.find(([, layer]) => layer >= model.layers);
  if (beyond === undefined) return;
  const [field, layer] = beyond;
  const param = `${path}.${field}`;
  throw new TrimtabError(
    "invalid_request",
    `\`${param}\` is ${layer}, but this model has the layers 0 to ${model.layers - 1}.`,
    { param },
  );
}
