/** Parallel coordinates: an upright axis for each setting and one for the outcome, and a line through them for each run. */
import { type ChartHead, drawChart, escaped, lineAt, pixel, shownNumber, textAt } from "./chart.ts";

export interface ParallelChart extends ChartHead {
  readonly axes: readonly string[];
  readonly runs: readonly ParallelRun[];
}

export interface ParallelRun {
  readonly label: string;
  /** One for each axis. */
  readonly values: readonly (number | string)[];
  /** Drawn last and strong, as the best one is. */
  readonly marked?: boolean;
}

export function drawParallel({ id, title, description, axes, runs }: ParallelChart): string {
  const places = axes.map((_, axis) => placing(runs.map(({ values }) => values[axis]!)));
  return drawChart({
    ...{ id, title, description },
    xAxis: { title: "" },
    yAxis: { title: "share of each axis", covers: [0, 1] },
    xs: [],
    ys: [],
    legend: [],
    categories: axes.map((name) => name.split(".").at(-1)!),
    draw: ({ x, y }) => [
      ...axes.map((_, axis) => lineAt("guide", x.place(axis), y.place(0), x.place(axis), y.place(1))),
      ...runs
        .toSorted((a, b) => Number(a.marked ?? false) - Number(b.marked ?? false))
        .map(({ label, values, marked = false }) => {
          const points = values.map(
            (value, axis) => `${pixel(x.place(axis))} ${pixel(y.place(places[axis]!.share(value)))}`,
          );
          const style = marked ? "" : ' stroke-opacity=".45"';
          return `<g class="s${marked ? 1 : 0}"><path class="line"${style} d="M${points.join("L")}"><title>${escaped(label)}</title></path></g>`;
        }),
      ...places.flatMap(({ low, high }, axis) => [
        textAt("", x.place(axis), y.place(0) + 12, low, "middle"),
        textAt("", x.place(axis), y.place(1) - 5, high, "middle"),
      ]),
    ],
  });
}

interface Placing {
  readonly share: (value: number | string) => number;
  readonly low: string;
  readonly high: string;
}

/** Numbers by their size, on a logarithmic axis if they span much; names at even distances, in the order of their first run. */
function placing(values: readonly (number | string)[]): Placing {
  const numbers = values.flatMap((value) => (typeof value === "number" ? [value] : []));
  if (numbers.length === values.length && numbers.length > 0) {
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    const on = least > 0 && most / least >= 30 ? Math.log10 : (value: number) => value;
    const share = (value: number | string) =>
      most === least ? 0.5 : (on(Number(value)) - on(least)) / (on(most) - on(least));
    return { share, low: shownNumber(least), high: most === least ? "" : shownNumber(most) };
  }
  const names = [...new Set(values.map(String))];
  const share = (value: number | string) =>
    names.length < 2 ? 0.5 : names.indexOf(String(value)) / (names.length - 1);
  return { share, low: shortened(names[0] ?? ""), high: names.length < 2 ? "" : shortened(names.at(-1)!) };
}

const NAME = 16;
const shortened = (name: string) => (name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name);
