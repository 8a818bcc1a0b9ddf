/** Bars with intervals, in groups: what was before beside what is after. */
import { type ChartAxis, type ChartHead, drawChart, escaped, lineAt, pixel } from "./chart.ts";

export interface Bar {
  readonly value: number;
  /** The ends of its interval, if it has one. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface BarGroup {
  readonly name: string;
  /** One for each of the chart's series; null where nothing was measured. */
  readonly bars: readonly (Bar | null)[];
}

export interface BarChart extends ChartHead {
  readonly y: ChartAxis;
  /** The names of the bars of every group, at most two: the first is drawn hollow, the second filled. */
  readonly series: readonly string[];
  readonly groups: readonly BarGroup[];
}

/** The share of a group's width that its bars take. */
const FILLED = 0.6;

export function drawBars({ id, title, description, y: yAxis, series, groups }: BarChart): string {
  const bars = groups.flatMap(({ bars }) => bars.filter((bar) => bar !== null));
  const format = yAxis.format ?? ((value: number) => String(Number(value.toPrecision(3))));
  return drawChart({
    ...{ id, title, description },
    xAxis: { title: "" },
    // Bars are read by their length, so the axis begins at 0.
    yAxis: { ...yAxis, covers: [0, ...(yAxis.covers ?? [])] },
    xs: [],
    ys: bars.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]),
    categories: groups.map(({ name }) => name),
    legend: series.map((text, index) => ({
      text,
      sign: (x, y) =>
        `<g class="s${index}"><rect class="${styleOf(index)}" x="${pixel(x - 6)}" y="${pixel(y - 6)}" width="12" height="12"/></g>`,
    })),
    draw: ({ area, x, y }) => {
      const room = area.width / Math.max(groups.length, 1);
      const width = Math.min(48, (FILLED * room) / Math.max(series.length, 1));
      return groups.flatMap(({ name, bars }, group) =>
        bars.flatMap((bar, index) => {
          if (bar === null) return [];
          const left = x.place(group) + (index - series.length / 2) * width + 1;
          const [from, to] = [y.place(0), y.place(bar.value)];
          const middle = left + width / 2 - 1;
          const label = `${name}, ${series[index]}: ${format(bar.value)}${interval(bar, format)}`;
          return [
            `<g class="s${index}"><rect class="${styleOf(index)}" x="${pixel(left)}" y="${pixel(Math.min(from, to))}" width="${pixel(width - 2)}" height="${pixel(Math.abs(to - from))}"><title>${escaped(label)}</title></rect></g>`,
            ...(bar.low === null || bar.high === null
              ? []
              : [
                  lineAt("ink", middle, y.place(bar.low), middle, y.place(bar.high)),
                  ...[bar.low, bar.high].map((end) =>
                    lineAt("ink", middle - 4, y.place(end), middle + 4, y.place(end)),
                  ),
                ]),
          ];
        }),
      );
    },
  });
}

const styleOf = (index: number) => (index === 0 ? "hatched" : "bar");

function interval({ low, high }: Bar, format: (value: number) => string): string {
  return low === null || high === null ? "" : ` (${format(low)} to ${format(high)})`;
}
