/** Dots over the values of a setting, which are numbers, on a logarithmic axis if they span much, or names. */
import { type ChartHead, drawChart, markAt, shownNumber } from "./chart.ts";

export interface SettingDot {
  readonly x: number | string;
  readonly y: number;
  /** What the dot is, such as `trial 3`. */
  readonly label: string;
  /** The best of those that came to their end, the others, or one that was stopped before. */
  readonly kind: "best" | "ended" | "stopped";
}

const SHAPES = { best: "diamond", ended: "circle", stopped: "triangle" } as const;
const COLOURS = { best: 1, ended: 0, stopped: 2 } as const;
const MEANINGS = { best: "the best", ended: "came to its end", stopped: "stopped before" } as const;

export interface DotChart extends ChartHead {
  readonly x: string;
  readonly y: string;
  readonly dots: readonly SettingDot[];
}

/** The largest number over the smallest from which an axis is logarithmic. */
const SPAN = 30;

export function drawDots({ id, title, description, x: xTitle, y: yTitle, dots }: DotChart): string {
  const numbers = dots.flatMap(({ x }) => (typeof x === "number" ? [x] : []));
  const isNumeric = numbers.length === dots.length;
  const log = isNumeric && Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= SPAN;
  const names = isNumeric ? undefined : [...new Set(dots.map(({ x }) => String(x)))];
  const place = (x: number | string): number =>
    names !== undefined ? names.indexOf(String(x)) : log ? Math.log10(Number(x)) : Number(x);
  const format = log ? (value: number) => String(Number((10 ** value).toPrecision(2))) : shownNumber;
  return drawChart({
    ...{ id, title, description },
    xAxis: { title: log ? `${xTitle}, logarithmic` : xTitle, format },
    yAxis: { title: yTitle },
    xs: dots.map((dot) => place(dot.x)),
    ys: dots.map((dot) => dot.y),
    legend: (["best", "ended", "stopped"] as const)
      .filter((kind) => dots.some((dot) => dot.kind === kind))
      .map((kind) => ({ text: MEANINGS[kind], sign: (at, level) => colored(kind, markAt(SHAPES[kind], at, level)) })),
    ...(names === undefined ? {} : { categories: names.map(shortened) }),
    draw: ({ x, y }) =>
      dots.map(({ x: value, y: level, label, kind }) =>
        colored(kind, markAt(SHAPES[kind], x.place(place(value)), y.place(level), `${label}: ${shownNumber(level)}`)),
      ),
  });
}

const colored = (kind: SettingDot["kind"], mark: string) => `<g class="s${COLOURS[kind]}">${mark}</g>`;

const NAME = 24;
const shortened = (name: string) => (name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name);
