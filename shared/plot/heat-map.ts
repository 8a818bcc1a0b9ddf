/** Heat maps under each other, as an SVG file: rows by columns, with the values of all maps on one scale. */
import { escaped, LETTER, pixel } from "./chart.ts";

export interface HeatMap {
  readonly title: string;
  /** A row's values, from the left; null for a row without any. */
  readonly rows: readonly { readonly name: string; readonly values: readonly number[] | null }[];
}

export interface HeatMaps {
  readonly title: string;
  /** The figure in words, for people who cannot see it. */
  readonly description: string;
  /** What the columns are. */
  readonly columns: { readonly title: string; readonly names: readonly string[] };
  readonly maps: readonly HeatMap[];
  readonly format: (value: number) => string;
}

const CELL = { width: 34, height: 24 };
const TOP = 40;
const BETWEEN = 44;
const BELOW = 52;

const STYLE = `
  text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .part { font-weight: 600 }
  .page { fill: #ffffff }
  .axis { fill: #59636e }
  .up { fill: #0969da }
  .down { fill: #bc4c00 }
  .frame { fill: none; stroke: #d8dee4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .axis { fill: #9198a1 }
    .up { fill: #58a6ff }
    .down { fill: #f0883e }
    .frame { stroke: #30363d }
  }
`;

/** The deeper a cell, the farther its value is from 0; each cell also says its value in words, and the largest is marked. */
export function drawHeatMaps({ title, description, columns, maps, format }: HeatMaps): string {
  const names = maps.flatMap(({ rows }) => rows.map(({ name }) => name));
  const left = 24 + LETTER * Math.max(0, ...names.map(({ length }) => length));
  const values = maps.flatMap(({ rows }) => rows.flatMap((row) => row.values ?? []));
  const most = Math.max(...values.map(Math.abs), Number.MIN_VALUE);
  const width = Math.max(left + columns.names.length * CELL.width + 20, left + LETTER * title.length);
  const parts: string[] = [];
  let top = TOP;
  for (const map of maps) {
    parts.push(text("part", left, top + 12, map.title, "start"));
    parts.push(...drawMap(map, { left, top: top + 20, most, columns: columns.names, format }));
    top += 20 + map.rows.length * CELL.height + BETWEEN - 20;
  }
  const middle = left + (columns.names.length * CELL.width) / 2;
  const end = top - BETWEEN + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${pixel(width)} ${pixel(end + BELOW)}" width="${pixel(width)}" height="${pixel(end + BELOW)}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${pixel(width)}" height="${pixel(end + BELOW)}"/>`,
    text("title", 12, 22, title, "start"),
    ...parts,
    ...columns.names.map((name, column) => text("axis", left + (column + 0.5) * CELL.width, end + 16, name, "middle")),
    text("axis", middle, end + 36, columns.title, "middle"),
    "</svg>\n",
  ].join("\n");
}

interface Place extends Pick<HeatMaps, "format"> {
  readonly left: number;
  readonly top: number;
  readonly most: number;
  readonly columns: readonly string[];
}

function drawMap({ title, rows }: HeatMap, { left, top, most, columns, format }: Place): string[] {
  const largest = Math.max(...rows.flatMap(({ values }) => values ?? []));
  const cells = rows.flatMap(({ name, values }, row) => {
    const y = top + row * CELL.height;
    const label = text("axis", left - 8, y + CELL.height / 2 + 4, name, "end");
    const drawn = (values ?? []).flatMap((value, column) => {
      const x = left + column * CELL.width;
      const words = `${title}, ${name}, ${columns[column] ?? column}: ${format(value)}`;
      const opacity = Math.round((100 * Math.abs(value)) / most) / 100;
      const box = `x="${pixel(x + 1)}" y="${pixel(y + 1)}" width="${CELL.width - 2}" height="${CELL.height - 2}"`;
      const mark = value === largest && value > 0 ? [text("", x + CELL.width / 2, y + 16, "★", "middle")] : [];
      return [
        `<rect class="${value < 0 ? "down" : "up"}" fill-opacity="${opacity}" ${box}><title>${escaped(words)}</title></rect>`,
        ...mark,
      ];
    });
    return [label, ...drawn];
  });
  const frame = `<rect class="frame" x="${pixel(left)}" y="${pixel(top)}" width="${columns.length * CELL.width}" height="${rows.length * CELL.height}"/>`;
  return [frame, ...cells];
}

function text(name: string, x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  const style = name === "" ? "" : ` class="${name}"`;
  return `<text${style} x="${pixel(x)}" y="${pixel(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}
