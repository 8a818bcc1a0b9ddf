/** Heat maps as an SVG file: no scripts or external fonts, readable on light and dark pages and by screen readers. */
import { escaped } from "./chart.ts";

export interface HeatMap {
  readonly title: string;
  /** Describes the figure to people who cannot see it. */
  readonly description: string;
  readonly panels: readonly HeatPanel[];
}

/** Cells in rows and columns; darker where a value is larger. */
export interface HeatPanel {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly columnTitle: string;
  /** [row][column]; undefined where there is none. */
  readonly values: readonly (readonly (number | undefined)[])[];
  readonly format: (value: number) => string;
}

const CELL = { width: 46, height: 26 };
const LABELS = 130;
const HEADER = 34;
const PANEL = { top: 26, bottom: 44, right: 16 };

const STYLE = `
  text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .panel { font-weight: 600 }
  .page { fill: #ffffff }
  .cell { fill: #0969da; stroke: #d8dee4; stroke-width: .5 }
  .on { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .cell { fill: #58a6ff; stroke: #30363d }
    .on { fill: #0d1117 }
  }
`;

export function drawHeatMap({ title, description, panels }: HeatMap): string {
  const widths = panels.map(({ columns }) => LABELS + columns.length * CELL.width + PANEL.right);
  const heights = panels.map(({ rows }) => PANEL.top + rows.length * CELL.height + PANEL.bottom);
  const width = Math.max(...widths, title.length * 8);
  const height = HEADER + heights.reduce((sum, one) => sum + one, 0);
  let top = HEADER;
  const drawn = panels.map((panel, i) => {
    const at = top;
    top += heights[i]!;
    return `<g transform="translate(0 ${at})">${drawPanel(panel)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="100%" height="100%"/>`,
    `<text class="title" x="12" y="22">${escaped(title)}</text>`,
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, rows, columns, columnTitle, values, format }: HeatPanel): string {
  const numbers = values.flat().filter((value) => value !== undefined);
  const [least, most] = [Math.min(0, ...numbers), Math.max(0, ...numbers)];
  const share = (value: number) => (most === least ? 0 : (value - least) / (most - least));
  const cells = rows.flatMap((row, r) =>
    columns.flatMap((column, c) => {
      const value = values[r]?.[c];
      if (value === undefined) return [];
      const [x, y] = [LABELS + c * CELL.width, PANEL.top + r * CELL.height];
      const name = `${row}, ${columnTitle} ${column}: ${format(value)}`;
      return [
        `<rect class="cell" x="${x}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill-opacity="${share(value).toFixed(3)}"><title>${escaped(name)}</title></rect>`,
        `<text${share(value) > 0.5 ? ' class="on"' : ""} x="${x + CELL.width / 2}" y="${y + 17}" text-anchor="middle">${escaped(format(value))}</text>`,
      ];
    }),
  );
  const bottom = PANEL.top + rows.length * CELL.height;
  return [
    `<text class="panel" x="12" y="16">${escaped(title)}</text>`,
    ...rows.map(
      (row, r) =>
        `<text x="${LABELS - 8}" y="${PANEL.top + r * CELL.height + 17}" text-anchor="end">${escaped(row)}</text>`,
    ),
    ...cells,
    ...columns.map(
      (column, c) =>
        `<text x="${LABELS + (c + 0.5) * CELL.width}" y="${bottom + 14}" text-anchor="middle">${escaped(column)}</text>`,
    ),
    `<text x="${LABELS + (columns.length * CELL.width) / 2}" y="${bottom + 30}" text-anchor="middle">${escaped(columnTitle)}</text>`,
  ].join("\n");
}
