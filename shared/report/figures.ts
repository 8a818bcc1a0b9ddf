/** The figures of a report, as inline SVG. */
import type { JobReport, ReportCompared, ReportEstimate, ReportSteps } from "../api/job-report.ts";
import { type Bar, type BarGroup, drawBars } from "../plot/bars.ts";
import { drawLines, type Line } from "../plot/lines.ts";
import { drawReliability } from "../plot/reliability.ts";
import { type Html, percent, raw } from "./elements.ts";

const figure = (svg: string): Html => raw(`<figure>${svg}</figure>`);
const number = (value: number) => String(Number(value.toPrecision(4)));

/** Before and after of several shares, as bars with intervals; undefined where none was measured. */
export function sharesFigure(
  id: string,
  title: string,
  shares: readonly (readonly [name: string, compared: Omit<ReportCompared, "change">])[],
): Html | undefined {
  const groups = shares.flatMap(([name, { before, after }]): BarGroup[] =>
    before === null && after === null ? [] : [{ name, bars: [bar(before), bar(after)] }],
  );
  if (groups.length === 0) return undefined;
  const words = groups.map(({ name, bars }) => {
    const [before, after] = bars.map((one) => (one === null ? "not measured" : percent(one.value)));
    return `${name}: ${before} before, ${after} after`;
  });
  const y = {
    title: "share, with 95 % intervals",
    covers: [0, 1],
    format: (value: number) => `${Math.round(100 * value)} %`,
  };
  const description = `Bars. ${words.join("; ")}.`;
  return figure(drawBars({ id, title, description, y, series: ["before", "after"], groups }));
}

function bar(of: ReportEstimate | null): Bar | null {
  return of && { value: of.value, low: of.low, high: of.high };
}

/** A chart of some series over steps, those that exist. */
export function stepsFigure(
  id: string,
  title: string,
  { steps, names, y }: { readonly steps: ReportSteps; readonly names: readonly string[]; readonly y: string },
): Html | undefined {
  const lines = names
    .filter((name) => steps.series[name]?.some((value) => value !== null))
    // Some metrics are of a few steps alone, and the line joins those.
    .map((name): Line => {
      const points = steps.steps.map((x, i) => ({ x, y: steps.series[name]![i]!, label: `step ${x}` }));
      return { name, points: points.filter(({ y }) => y !== null) };
    });
  if (lines.length === 0) return undefined;
  const words = lines.map(({ name, points }) => {
    const values = points.flatMap(({ y }) => y ?? []);
    return `${name} goes from ${number(values[0]!)} to ${number(values.at(-1)!)}, between ${number(Math.min(...values))} and ${number(Math.max(...values))}`;
  });
  const description = `A line chart over ${steps.steps.length} steps. ${words.join("; ")}.`;
  return figure(drawLines({ id, title, description, x: { title: "step" }, y: { title: y }, lines }));
}

/** Reward against divergence, a point for each step, in their order. */
export function frontierFigure(steps: ReportSteps): Html | undefined {
  if (steps.frontier === null) return undefined;
  const { divergence, reward } = steps.frontier;
  const points = steps.steps.flatMap((step, i) => {
    const [x, y] = [steps.series[divergence]![i]!, steps.series[reward]![i]!];
    return x === null || y === null ? [] : [{ x, y, label: `step ${step}` }];
  });
  if (points.length === 0) return undefined;
  const [first, last] = [points[0]!, points.at(-1)!];
  return figure(
    drawLines({
      id: "frontier",
      title: "What reward cost in divergence",
      description: `Reward (${reward}) against divergence from the start (${divergence}), a point for each step. ${first.label}: reward ${number(first.y)} at ${number(first.x)} nats; ${last.label}: reward ${number(last.y)} at ${number(last.x)} nats.`,
      x: { title: `${divergence}, nats a reply` },
      y: { title: reward },
      lines: [{ name: "the run", points }],
      ends: true,
    }),
  );
}

export function reliabilityFigure(calibration: NonNullable<JobReport["calibration"]>): Html | undefined {
  const filled = calibration.bins.filter(({ n }) => n > 0);
  if (filled.length === 0) return undefined;
  const words = filled.map(
    ({ predicted, observed, n }) => `${percent(predicted)} predicted, ${percent(observed)} observed (${n})`,
  );
  const description = `A reliability diagram; on the dashed line, what is predicted is what happens. ${words.join("; ")}.`;
  return figure(drawReliability({ id: "reliability", title: "Calibration of the rewards", description, bins: filled }));
}
