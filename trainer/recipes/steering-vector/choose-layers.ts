import type { SteeringVectorSettings } from "../../../shared/api/steering-vector.ts";
import type { SteeringFacts } from "../../../shared/delta/steering.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { DIRECTIONS, lengthOf, type Sides } from "./directions.ts";
import { bestLayer, heldOutSeparation, type Separation } from "./separation.ts";

/** What was found at one layer, from all pairs; the separation is of held-out ones. */
export interface LayerResult extends Separation {
  readonly layer: number;
  /** [D], in float64, at the length that a strength of 1 means. */
  readonly vector: Float64Array;
  readonly norm: number;
  /** Relative to the typical length of the residual stream after the layer. */
  readonly relativeNorm: number;
}

export interface MeasureOptions {
  readonly settings: Pick<SteeringVectorSettings, "method" | "normalise">;
  /** The pairs of each held-out part. */
  readonly parts: readonly (readonly number[])[];
  readonly streamNorm: number;
}

/** The vector of one layer and how well its kind of vector separates pairs there. Zero where the sides do not differ. */
export function measureLayer(layer: number, sides: Sides, options: MeasureOptions): LayerResult {
  const { settings, parts, streamNorm } = options;
  const { method, normalise } = settings;
  const raw = DIRECTIONS[method](sides);
  const length = lengthOf(raw);
  const wanted = { none: length, unit: 1, stream: streamNorm }[normalise];
  const vector = length === 0 ? raw : raw.map((value) => (value * wanted) / length);
  const norm = length === 0 ? 0 : wanted;
  return { layer, vector, norm, relativeNorm: norm / streamNorm, ...heldOutSeparation(sides, method, parts) };
}

/**
 * The layers that get a vector: those of the settings, or the one that separates held-out pairs best. `auto` passes over the
 * last layer, after which no other layer reads the vector. Throws `invalid_dataset`, naming the layer, where the sides do not
 * differ at all.
 */
export function chosenLayers(
  found: readonly LayerResult[],
  { layers, position }: Pick<SteeringVectorSettings, "layers" | "position">,
): LayerResult[] {
  const chosen = layers === "auto" ? [bestOf(found)] : [layers].flat().map((layer) => found[layer]!);
  const flat = chosen.find(({ norm }) => norm === 0);
  if (flat === undefined) return chosen;
  throw new TrimtabError(
    "invalid_dataset",
    `the sides of the pairs do not differ after layer ${flat.layer} at the position \`${position}\`, so there is no vector; choose another position or other pairs`,
    { param: "training_file", data: { layer: flat.layer } },
  );
}

function bestOf(found: readonly LayerResult[]): LayerResult {
  const read = found.slice(0, Math.max(1, found.length - 1));
  const differing = read.filter(({ norm }) => norm > 0);
  return differing.length === 0 ? read[0]! : differing[bestLayer(differing)]!;
}

/** The numbers of every layer, under names such as `layers.3/auc`. */
export function layerMetrics(found: readonly LayerResult[]): Record<string, number> {
  return Object.fromEntries(
    found.flatMap(({ layer, auc, accuracy, separation, norm, relativeNorm }) =>
      Object.entries({ auc, accuracy, separation, norm, relative_norm: relativeNorm }).map(([name, value]) => [
        `layers.${layer}/${name}`,
        value,
      ]),
    ),
  );
}

/** How the vectors were made, as the manifest says it. */
export function steeringFacts(
  chosen: readonly LayerResult[],
  { method, position, normalise }: SteeringVectorSettings,
): SteeringFacts {
  return {
    ...{ method, position, normalise },
    layers: chosen.map(({ layer, norm, relativeNorm }) => ({ layer, norm, relative_norm: relativeNorm })),
  };
}
