/**
 * What charts that stand inside a page have in common: a frame with axes, and colours for light and dark pages. No scripts, no
 * external fonts; colour never says anything that a shape, a dash or a label does not.
 */
import type { Box } from "./labels.ts";
import { type Scale, scale } from "./scale.ts";
import type { Mark } from "./svg.ts";

export interface ChartHead {
  /** Unique in the page: the ids of the title and the description begin with it. */
  readonly id: string;
  readonly title: string;
  /** The figure in words, for people who cannot see it. */
  readonly description: string;
}

export interface ChartAxis {
  readonly title: string;
  /** Values that the axis covers besides those drawn. */
  readonly covers?: readonly number[];
  readonly format?: (value: number) => string;
}

export const CHART = { width: 640, height: 300 };
const MARGIN = { left: 64, right: 18, top: 40, bottom: 46 };
const LEGEND_LINE = 20;
/** Width of a character, estimated generously. */
export const LETTER = 6.4;

const STYLE = `
.chart text{font:11px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.chart .title{font-size:14px;font-weight:600}
.chart .page{fill:#ffffff}
.chart .grid{stroke:#d8dee4}
.chart .axis{fill:#59636e}
.chart .guide{stroke:#59636e;stroke-dasharray:4 3}
.chart .ink{stroke:#1f2328;fill:none}
.chart .s0{color:#0969da}.chart .s1{color:#bc4c00}.chart .s2{color:#1a7f37}.chart .s3{color:#8250df}
.chart .line{fill:none;stroke:currentColor;stroke-width:1.75}
.chart .dot{fill:currentColor}
.chart .bar{fill:currentColor;fill-opacity:.75}
.chart .hatched{fill:none;stroke:currentColor;stroke-width:1.5}
@media (prefers-color-scheme:dark){
.chart text{fill:#e6edf3}.chart .page{fill:#0d1117}.chart .grid{stroke:#30363d}.chart .axis{fill:#9198a1}
.chart .guide{stroke:#9198a1}.chart .ink{stroke:#e6edf3}
.chart .s0{color:#58a6ff}.chart .s1{color:#f0883e}.chart .s2{color:#3fb950}.chart .s3{color:#bc8cff}}
`;

/** How series differ without colour. */
export const DASHES = ["", "6 3", "2 3", "8 3 2 3"] as const;
export const MARKS: readonly Mark[] = ["circle", "square", "triangle", "diamond"];

export interface LegendEntry {
  readonly text: string;
  /** Draws the sign around a point. */
  readonly sign: (x: number, y: number) => string;
}

export interface Frame {
  readonly area: Box;
  readonly x: Scale;
  readonly y: Scale;
}

export interface FrameOptions extends ChartHead {
  readonly xAxis: ChartAxis;
  readonly yAxis: ChartAxis;
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  readonly legend: readonly LegendEntry[];
  /** Names in place of the ticks of the x axis. */
  readonly categories?: readonly string[];
  /** What stands inside the frame. */
  readonly draw: (frame: Frame) => readonly string[];
}

/** The default format of ticks. */
export const shownNumber = (value: number): string => String(Number(value.toPrecision(4)));

/** A whole SVG element with a frame, axes and a legend. Without any value there are empty axes. */
export function drawChart(options: FrameOptions): string {
  const { id, title, description, xAxis, yAxis, legend, draw, categories } = options;
  const lines = legendLines(legend);
  const top = MARGIN.top + lines.length * LEGEND_LINE;
  const height = CHART.height + lines.length * LEGEND_LINE;
  const area: Box = {
    x: MARGIN.left,
    y: top,
    width: CHART.width - MARGIN.left - MARGIN.right,
    height: height - top - MARGIN.bottom,
  };
  const [left, right, bottom] = [area.x, area.x + area.width, area.y + area.height];
  const values = (own: readonly number[], axis: ChartAxis) => {
    const all = [...own, ...(axis.covers ?? [])];
    return all.length === 0 ? [0, 1] : all;
  };
  const x =
    categories === undefined
      ? scale({ values: values(options.xs, xAxis), log: false, range: [left, right] })
      : inCategories(categories.length, left, right);
  const y = scale({ values: values(options.ys, yAxis), log: false, range: [bottom, top] });
  const [formatX, formatY] = [xAxis.format ?? shownNumber, yAxis.format ?? shownNumber];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${CHART.width} ${height}" width="${CHART.width}" height="${height}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${escaped(title)}</title>`,
    `<desc id="${id}-desc">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${CHART.width}" height="${height}"/>`,
    textAt("title", left, 22, title, "start"),
    ...lines.flatMap((entries, line) => {
      let at = left + 8;
      return entries.flatMap(({ text, sign }) => {
        const [from, level] = [at, MARGIN.top + line * LEGEND_LINE + 4];
        at += entryWidth(text);
        return [sign(from, level), textAt("", from + 14, level + 4, text, "start")];
      });
    }),
    ...(categories ?? x.ticks.map(formatX)).flatMap((name, index) => {
      const at = x.place(x.ticks[index]!);
      const grid = categories === undefined ? [lineAt("grid", at, top, at, bottom)] : [];
      return [...grid, textAt("axis", at, bottom + 16, name, "middle")];
    }),
    ...y.ticks.flatMap((tick) => {
      const at = y.place(tick);
      return [lineAt("grid", left, at, right, at), textAt("axis", left - 6, at + 4, formatY(tick), "end")];
    }),
    textAt("axis", (left + right) / 2, bottom + 34, xAxis.title, "middle"),
    `<text class="axis" text-anchor="middle" transform="translate(14 ${pixel((top + bottom) / 2)}) rotate(-90)">${escaped(yAxis.title)}</text>`,
    ...draw({ area, x, y }),
    "</svg>",
  ].join("\n");
}

/** Places 0, 1, … in the middles of equal parts. */
function inCategories(count: number, left: number, right: number): Scale {
  const width = (right - left) / Math.max(count, 1);
  return {
    place: (value) => left + (value + 0.5) * width,
    ticks: Array.from({ length: count }, (_, index) => index),
  };
}

const entryWidth = (text: string) => 30 + LETTER * text.length;

/** The entries by line, as many as fit. */
function legendLines(entries: readonly LegendEntry[]): LegendEntry[][] {
  const lines: LegendEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const width = entryWidth(entry.text);
    if (width > room) {
      lines.push([]);
      room = CHART.width - MARGIN.left - MARGIN.right;
    }
    lines.at(-1)!.push(entry);
    room -= width;
  }
  return lines;
}

/** Rounds to a tenth of a pixel, to keep pages small. */
export const pixel = (value: number): number => Math.round(10 * value) / 10;

export function lineAt(name: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${name}" x1="${pixel(x1)}" y1="${pixel(y1)}" x2="${pixel(x2)}" y2="${pixel(y2)}"/>`;
}

export function textAt(
  name: string,
  x: number,
  y: number,
  content: string,
  anchor: "start" | "middle" | "end",
): string {
  const style = name === "" ? "" : ` class="${name}"`;
  return `<text${style} x="${pixel(x)}" y="${pixel(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** Text for an element's content or an attribute in double quotes, of HTML or SVG. */
export function escaped(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

const CORNERS: Readonly<Record<Mark, readonly (readonly [number, number])[]>> = {
  circle: Array.from({ length: 12 }, (_, hour) => {
    const angle = (hour * Math.PI) / 6;
    return [3.5 * Math.sin(angle), -3.5 * Math.cos(angle)] as const;
  }),
  square: [
    [-3, -3],
    [3, -3],
    [3, 3],
    [-3, 3],
  ],
  triangle: [
    [0, -4.5],
    [4, 3.5],
    [-4, 3.5],
  ],
  diamond: [
    [0, -5],
    [5, 0],
    [0, 5],
    [-5, 0],
  ],
};

export function markAt(mark: Mark, x: number, y: number, title?: string): string {
  const corners = CORNERS[mark].map(([dx, dy]) => `${pixel(x + dx)} ${pixel(y + dy)}`).join("L");
  const path = `<path class="dot" d="M${corners}Z"`;
  return title === undefined ? `${path}/>` : `${path}><title>${escaped(title)}</title></path>`;
}
