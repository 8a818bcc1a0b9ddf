import { TRACED_KINDS, TRACED_PLACES, type TracedPlace, type Tracing } from "../edits/tracing.ts";
import { drawHeatMap } from "./heat-map.ts";

const PLACES: Readonly<Record<TracedPlace, string>> = {
  subject_first: "first subject token",
  subject_middle: "middle subject token",
  subject_last: "last subject token",
  next: "next token",
  last: "last token",
};
const KINDS = { mlp: "MLP output restored", stream: "whole state restored" } as const;

/** A tracing as a heat map: how much each layer restores at each place of the prompt. */
export function tracingMap(tracing: Tracing, model: string): string {
  const { facts, clean, corrupted, layers, best_layer: best } = tracing;
  const percent = (share: number) => (100 * share).toFixed(1);
  return drawHeatMap({
    title: `Where ${model} recalls facts`,
    description: `Causal tracing of ${facts} facts. Their answers have a probability of ${percent(clean)} %, and of ${percent(corrupted)} % with noise on the subject. Cells show how many percent are won back where one state is restored. The MLP at the subject's last token wins back most in layer ${best}.`,
    panels: TRACED_KINDS.map((kind) => {
      const places = TRACED_PLACES.filter((place) => tracing[kind][place] !== undefined);
      return {
        title: KINDS[kind],
        rows: places.map((place) => PLACES[place]),
        columns: Array.from({ length: layers }, (_, layer) => String(layer)),
        columnTitle: "layer",
        values: places.map((place) => tracing[kind][place]!),
        format: percent,
      };
    }),
  });
}
