/** Dots over the values of a setting, which are numbers, on a logarithmic axis if they span much, or names. */
import { type ChartHead, drawChart, markAt, shownNumber } from "./chart.ts";

export interface SettingDot {
  readonly x: number | string;
  readonly y: number;
  /** What the dot is, such as `trial 3`. */
  readonly label: string;
  /** Whether it stands out, as the best one does. */
  readonly marked?: boolean;
}

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
    legend: [],
    ...(names === undefined ? {} : { categories: names.map(shortened) }),
    draw: ({ x, y }) =>
      dots.map(({ x: value, y: level, label, marked = false }) => {
        const mark = markAt(
          marked ? "diamond" : "circle",
          x.place(place(value)),
          y.place(level),
          `${label}: ${shownNumber(level)}`,
        );
        return `<g class="s${marked ? 1 : 0}">${mark}</g>`;
      }),
  });
}

const NAME = 24;
const shortened = (name: string) => (name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name);
