/** Line charts: series over steps, and the path of a run through two of its metrics. */
import {
  type ChartAxis,
  type ChartHead,
  DASHES,
  drawChart,
  escaped,
  MARKS,
  markAt,
  pixel,
  shownNumber,
} from "./chart.ts";

export interface Line {
  readonly name: string;
  /** In order; a gap where y is null. */
  readonly points: readonly LinePoint[];
}

export interface LinePoint {
  readonly x: number;
  readonly y: number | null;
  /** What the point is, such as `step 12`. */
  readonly label?: string;
}

export interface LineChart extends ChartHead {
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  /** At most four. */
  readonly lines: readonly Line[];
  /** Labels the first and the last point of every line. */
  readonly ends?: boolean;
}

/** Points with marks of their own: more would hide the line. */
const MARKED = 40;

/** Lines that differ in dashes and marks too. Values that are not finite are gaps. */
export function drawLines(chart: LineChart): string {
  const { lines, ends = false } = chart;
  const points = lines.flatMap(({ points }) => points.filter(isDrawn));
  return drawChart({
    ...{ id: chart.id, title: chart.title, description: chart.description },
    xAxis: chart.x,
    yAxis: chart.y,
    xs: points.map(({ x }) => x),
    ys: points.map(({ y }) => y),
    legend:
      lines.length < 2
        ? []
        : lines.map(({ name }, index) => ({
            text: name,
            sign: (x, y) =>
              `<g class="s${index}"><path class="line"${dash(index)} d="M${pixel(x - 10)} ${pixel(y)}H${pixel(x + 10)}"/>${markAt(MARKS[index]!, x, y)}</g>`,
          })),
    draw: ({ x, y }) =>
      lines.map(({ name, points }, index) => {
        const drawn = points.filter(isDrawn);
        const every = Math.max(1, Math.ceil(drawn.length / MARKED));
        const marks = drawn.filter((_, at) => at % every === 0 || at === drawn.length - 1);
        const labelled = ends && drawn.length > 0 ? [drawn[0]!, drawn.at(-1)!] : [];
        return [
          `<g class="s${index}">`,
          `<path class="line"${dash(index)} d="${pathOf(points, (point) => `${pixel(x.place(point.x))} ${pixel(y.place(point.y))}`)}"/>`,
          ...marks.map((point) => {
            const title = `${name}, ${point.label ?? shownNumber(point.x)}: ${shownNumber(point.y)}`;
            return markAt(MARKS[index]!, x.place(point.x), y.place(point.y), title);
          }),
          "</g>",
          ...new Set(
            labelled.map(
              (point) =>
                `<text x="${pixel(x.place(point.x))}" y="${pixel(y.place(point.y) - 9)}" text-anchor="middle">${escaped(point.label ?? "")}</text>`,
            ),
          ),
        ].join("\n");
      }),
  });
}

type DrawnPoint = LinePoint & { readonly y: number };

function isDrawn(point: LinePoint): point is DrawnPoint {
  return point.y !== null && Number.isFinite(point.y) && Number.isFinite(point.x);
}

function dash(index: number): string {
  return DASHES[index] === "" ? "" : ` stroke-dasharray="${DASHES[index]}"`;
}

function pathOf(points: readonly LinePoint[], place: (point: DrawnPoint) => string): string {
  let path = "";
  let isOpen = false;
  for (const point of points) {
    if (isDrawn(point)) path += `${isOpen ? "L" : "M"}${place(point)}`;
    isOpen = isDrawn(point);
  }
  return path === "" ? "M0 0" : path;
}
