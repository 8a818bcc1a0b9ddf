import { drawHeatMaps } from "../plot/heat-map.ts";
import type { TokenPlace, Tracing } from "./tracing.ts";

const PLACES: Readonly<Record<TokenPlace, string>> = {
  first_subject_token: "first subject token",
  middle_subject_tokens: "middle subject tokens",
  last_subject_token: "last subject token",
  next_token: "next token",
  later_tokens: "later tokens",
  last_token: "last token",
};

/** A tracing as heat maps, an SVG file: of the MLPs, which edits change, and of the whole stream. */
export function drawTracing(
  { facts, layers, places, effects, probability, edit_layers }: Tracing,
  model: string,
): string {
  const rows = (of: Tracing["effects"]["mlp"]) =>
    places.map((place, index) => ({ name: PLACES[place], values: of[index] ?? null }));
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const { rome, memit } = edit_layers;
  return drawHeatMaps({
    title: `Where ${model} recalls facts`,
    description: `Average indirect effect of restoring one state, over ${facts} facts whose answers have a probability of ${percent(probability.clean)}, and of ${percent(probability.corrupted)} with noise on the subject. Edits change layer ${rome}, or ${memit.join(", ")} together.`,
    columns: { title: "layer", names: Array.from({ length: layers }, (_, layer) => String(layer)) },
    maps: [
      { title: "MLP output restored", rows: rows(effects.mlp) },
      { title: "Stream after the layer restored", rows: rows(effects.stream) },
    ],
    format: percent,
  });
}
