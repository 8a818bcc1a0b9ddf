import type { SteeringVectorSettings } from "../../../shared/api/steering-vector.ts";
import type { Condition } from "../../../shared/delta/condition.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { RecipeContext } from "../recipe.ts";
import { lengthOf, type Sides } from "./directions.ts";
import {
  bestConditionLayer,
  type ConditionQuality,
  conditionOf,
  conditionQuality,
  fitCondition,
} from "./fit-condition.ts";

/** Activations of the prompts to recognise and of the others, at one place. */
export type ClassesAt = (place: { readonly position: "last" | "mean"; readonly layer: number }) => Sides;

export interface FoundCondition extends ConditionQuality {
  readonly condition: Condition;
}

/** The condition at the layer of the settings, or at the one that recognises held-out texts best. */
export async function findCondition(
  classesAt: ClassesAt,
  { when, prompts, layer, position }: NonNullable<SteeringVectorSettings["condition"]>,
  {
    seed,
    layers: modelLayers,
    yieldToEventLoop,
  }: { readonly seed: number; readonly layers: number } & Pick<RecipeContext, "yieldToEventLoop">,
): Promise<FoundCondition> {
  const qualities: ConditionQuality[] = [];
  const layers = layer === "auto" ? Array.from({ length: modelLayers }, (_, at) => at) : [layer];
  for (const at of layers) {
    qualities.push(conditionQuality(classesAt({ position, layer: at }), seed));
    await yieldToEventLoop();
  }
  const best = bestConditionLayer(qualities);
  const place = { position, layer: layers[best]! };
  const fitted = fitCondition(classesAt(place));
  if (lengthOf(fitted.vector) === 0) {
    throw new TrimtabError(
      "invalid_dataset",
      `the prompts of both sides are alike after layer ${place.layer} at the position \`${position}\`, so no condition can tell them apart; choose another position or other prompts`,
      { param: prompts, data: { layer: place.layer } },
    );
  }
  return {
    ...qualities[best]!,
    condition: conditionOf(fitted, { ...place, comparator: when === "positive" ? "above" : "below" }),
  };
}
