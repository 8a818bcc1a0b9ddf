/** Reliability diagrams: how often what was predicted with some confidence came true (DeGroot and Fienberg, 1983). */
import { type ChartHead, drawChart, lineAt, markAt, shownNumber } from "./chart.ts";

export interface ReliabilityBin {
  /** The mean confidence of the bin's predictions. */
  readonly predicted: number;
  /** The share of them that came true. */
  readonly observed: number;
  readonly n: number;
}

export interface ReliabilityDiagram extends ChartHead {
  readonly bins: readonly ReliabilityBin[];
}

/** A mark for each bin that has predictions; on the dashed line what is predicted is what happens. */
export function drawReliability({ id, title, description, bins }: ReliabilityDiagram): string {
  const filled = bins.filter(({ n }) => n > 0);
  return drawChart({
    ...{ id, title, description },
    xAxis: { title: "predicted share", covers: [0, 1] },
    yAxis: { title: "observed share", covers: [0, 1] },
    xs: filled.map(({ predicted }) => predicted),
    ys: filled.map(({ observed }) => observed),
    legend: [],
    draw: ({ x, y }) => [
      lineAt("guide", x.place(0), y.place(0), x.place(1), y.place(1)),
      '<g class="s0">',
      ...filled.map(({ predicted, observed, n }) => {
        const words = `predicted ${shownNumber(predicted)}, observed ${shownNumber(observed)}, of ${n}`;
        return markAt("circle", x.place(predicted), y.place(observed), words);
      }),
      "</g>",
    ],
  });
}
