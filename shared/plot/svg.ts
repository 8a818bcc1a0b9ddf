/** Scatter plots as an SVG file: no scripts or external fonts, readable on light and dark pages and by screen readers. */
import { type Box, placeLabels } from "./labels.ts";
import { type Scale, scale } from "./scale.ts";

export interface Figure {
  readonly title: string;
  /** Describes the figure to people who cannot see it. */
  readonly description: string;
  readonly panels: readonly Panel[];
  /** What each shape of dot stands for. */
  readonly legend?: readonly { readonly mark: Mark; readonly text: string }[];
}

/** Shapes that differ without colour. */
export type Mark = "circle" | "square" | "diamond" | "triangle";

/** One scatter plot. */
export interface Panel {
  readonly x: Axis;
  readonly y: Axis;
  readonly dots: readonly LabelledDot[];
}

export interface Axis {
  readonly title: string;
  readonly log?: boolean;
  /** Puts small values at the far end. */
  readonly reversed?: boolean;
  /** Larger values are drawn at this limit as hollow dots, with their value in the label. */
  readonly limit?: number;
  readonly format: (value: number) => string;
}

export interface LabelledDot {
  readonly label: string;
  readonly x: number;
  readonly y: number;
  /** A circle where left out. */
  readonly mark?: Mark;
  /** Lower and upper ends of the lines across the dot that show how sure its values are. */
  readonly spread?: { readonly x?: readonly [number, number]; readonly y?: readonly [number, number] };
}

const COLUMNS = 2;
const PANEL = { width: 470, height: 350 };
const MARGIN = { left: 56, right: 14, top: 14, bottom: 46 };
const HEADER = 34;
const LEGEND_HEIGHT = 22;
const LABEL_HEIGHT = 13;
/** From a mark in the legend to its text, and from the text to the next mark. */
const BESIDE_MARK = 10;
/** With more dots than these, those within some pixels of each other share a label, which has so many names at most. */
const LABELLED = 24;
const TOUCHING = 6;
const SHARING = 3;
/** Width of a character in the font below, estimated generously. */
const LETTER_WIDTH = 6.4;

const STYLE = `
  text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .page { fill: #ffffff }
  .grid { stroke: #d8dee4 }
  .axis { fill: #59636e }
  .leader { stroke: #8c959f; stroke-width: .75 }
  .dot { fill: #0969da }
  .spread { stroke: #0969da; stroke-opacity: .45 }
  .beyond { fill: #ffffff; stroke: #0969da; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .grid { stroke: #30363d }
    .axis { fill: #9198a1 }
    .leader { stroke: #6e7681 }
    .dot { fill: #58a6ff }
    .spread { stroke: #58a6ff }
    .beyond { fill: #0d1117; stroke: #58a6ff }
  }
`;

export function drawFigure({ title, description, panels, legend = [] }: Figure): string {
  const columns = Math.min(COLUMNS, panels.length);
  const header = HEADER + (legend.length === 0 ? 0 : LEGEND_HEIGHT);
  const width = columns * PANEL.width;
  const height = header + Math.ceil(panels.length / columns) * PANEL.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN.left}" y="22">${escaped(title)}</text>`,
    ...drawLegend(legend),
    ...panels.map((panel, index) => {
      const [column, row] = [index % columns, Math.floor(index / columns)];
      return `<g transform="translate(${column * PANEL.width} ${header + row * PANEL.height})">\n${drawPanel(panel)}\n</g>`;
    }),
    "</svg>\n",
  ].join("\n");
}

/** One line of marks and what they mean. */
function drawLegend(entries: NonNullable<Figure["legend"]>): string[] {
  let left = MARGIN.left + 5;
  return entries.flatMap(({ mark, text: meaning }) => {
    const at = { x: left, y: HEADER + 6 };
    left += 2 * BESIDE_MARK + LETTER_WIDTH * meaning.length;
    return [`<path class="dot" d="${outline(mark, at)}"/>`, text("", at.x + BESIDE_MARK, at.y + 4, meaning, "start")];
  });
}

function drawPanel({ x, y, dots }: Panel): string {
  const area: Box = {
    x: MARGIN.left,
    y: MARGIN.top,
    width: PANEL.width - MARGIN.left - MARGIN.right,
    height: PANEL.height - MARGIN.top - MARGIN.bottom,
  };
  const [left, right, top, bottom] = [area.x, area.x + area.width, area.y, area.y + area.height];
  const [across, upwards] = [axisScale(x, dots, "x", [left, right]), axisScale(y, dots, "y", [bottom, top])];
  const placed = dots.map((dot) => {
    const beyond = [...(isBeyond(x, dot.x) ? [x.format(dot.x)] : []), ...(isBeyond(y, dot.y) ? [y.format(dot.y)] : [])];
    return {
      ...dot,
      label: beyond.length === 0 ? dot.label : `${dot.label} (${beyond.join(", ")})`,
      name: `${dot.label}: ${x.format(dot.x)}, ${y.format(dot.y)}`,
      style: beyond.length === 0 ? "dot" : "beyond",
      at: { x: across.place(limited(x, dot.x)), y: upwards.place(limited(y, dot.y)) },
    };
  });
  const labelled = placed.length > LABELLED ? groups(placed) : placed;
  const labels = placeLabels(
    labelled.map(({ at, label }) => ({ ...at, width: LETTER_WIDTH * label.length, height: LABEL_HEIGHT })),
    area,
  );
  return [
    ...across.ticks.flatMap((tick) => {
      const at = pixel(across.place(tick));
      return [line("grid", at, top, at, bottom), text("axis", at, bottom + 16, x.format(tick), "middle")];
    }),
    ...upwards.ticks.flatMap((tick) => {
      const at = pixel(upwards.place(tick));
      return [line("grid", left, at, right, at), text("axis", left - 6, at + 4, y.format(tick), "end")];
    }),
    text("axis", (left + right) / 2, bottom + 34, x.title, "middle"),
    `<text class="axis" text-anchor="middle" transform="translate(12 ${(top + bottom) / 2}) rotate(-90)">${escaped(y.title)}</text>`,
    ...labels.flatMap(({ leader }) => (leader ? [line("leader", ...leader.flatMap((end) => [end.x, end.y]))] : [])),
    ...placed.flatMap(({ at, spread = {} }) => {
      const ends = (axis: Axis, across: Scale, range: readonly [number, number] = [0, 0]) =>
        range.map((value) => across.place(limited(axis, value)));
      const [west, east] = ends(x, across, spread.x);
      const [south, north] = ends(y, upwards, spread.y);
      return [
        ...(spread.x === undefined ? [] : [line("spread", west!, at.y, east!, at.y)]),
        ...(spread.y === undefined ? [] : [line("spread", at.x, south!, at.x, north!)]),
      ];
    }),
    ...placed.map(({ at, style, name, mark = "circle" }) => {
      const title = `<title>${escaped(name)}</title>`;
      if (mark !== "circle") return `<path class="${style}" d="${outline(mark, at)}">${title}</path>`;
      return `<circle class="${style}" cx="${pixel(at.x)}" cy="${pixel(at.y)}" r="4">${title}</circle>`;
    }),
    ...labels.map(({ box }, index) => text("", box.x, box.y + LABEL_HEIGHT - 3, labelled[index]!.label, "start")),
  ].join("\n");
}

function axisScale(
  axis: Axis,
  dots: readonly LabelledDot[],
  of: "x" | "y",
  [start, end]: readonly [number, number],
): Scale {
  const values = dots.flatMap((dot) => [dot[of], ...(dot.spread?.[of] ?? [])]).map((value) => limited(axis, value));
  return scale({ values, log: axis.log ?? false, range: axis.reversed ? [end, start] : [start, end] });
}

/** Dots that lie on top of each other share a label. */
function groups<T extends { readonly at: { x: number; y: number }; readonly label: string }>(dots: readonly T[]): T[] {
  const places = new Map<string, T[]>();
  for (const dot of dots) {
    const place = `${Math.round(dot.at.x / TOUCHING)} ${Math.round(dot.at.y / TOUCHING)}`;
    places.set(place, [...(places.get(place) ?? []), dot]);
  }
  return [...places.values()].map((group) => {
    const names = group.slice(0, SHARING).map(({ label }) => label);
    const more = group.length > SHARING ? ` and ${group.length - SHARING} more` : "";
    return { ...group[0]!, label: names.join("; ") + more };
  });
}

/** The path of a mark around its centre. */
function outline(mark: Mark, { x, y }: { x: number; y: number }): string {
  const corners: readonly (readonly [number, number])[] = {
    square: [
      [-4, -4],
      [4, -4],
      [4, 4],
      [-4, 4],
    ],
    diamond: [
      [0, -6],
      [6, 0],
      [0, 6],
      [-6, 0],
    ],
    triangle: [
      [0, -6],
      [5.5, 4.5],
      [-5.5, 4.5],
    ],
    circle: Array.from({ length: 12 }, (_, hour) => {
      const angle = (hour * Math.PI) / 6;
      return [4 * Math.sin(angle), -4 * Math.cos(angle)] as const;
    }),
  }[mark] as readonly (readonly [number, number])[];
  return `M${corners.map(([dx, dy]) => `${pixel(x + dx)} ${pixel(y + dy)}`).join("L")}Z`;
}

function isBeyond({ limit }: Axis, value: number): boolean {
  return limit !== undefined && value > limit;
}

function limited({ limit }: Axis, value: number): number {
  return limit === undefined ? value : Math.min(value, limit);
}

function line(name: string, ...[x1, y1, x2, y2]: readonly number[]): string {
  return `<line class="${name}" x1="${pixel(x1!)}" y1="${pixel(y1!)}" x2="${pixel(x2!)}" y2="${pixel(y2!)}"/>`;
}

function text(name: string, x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  const style = name === "" ? "" : ` class="${name}"`;
  return `<text${style} x="${pixel(x)}" y="${pixel(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** Rounds to a tenth of a pixel, to keep the file small. */
const pixel = (value: number) => Math.round(10 * value) / 10;

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
