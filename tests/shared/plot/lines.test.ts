import { expect, it } from "vitest";
import { drawLines } from "../../../shared/plot/lines.ts";

const chart = (lines: Parameters<typeof drawLines>[0]["lines"], ends = false) =>
  drawLines({ id: "a", title: "t", description: "d", x: { title: "x" }, y: { title: "y" }, lines, ends });
const points = (...ys: (number | null)[]) => ys.map((y, x) => ({ x, y }));
const paths = (svg: string) => [...svg.matchAll(/<path class="line"[^>]* d="(M[^"]*)"/g)].map(([, d]) => d!);

it("places points by their values, greater ones higher and further right", () => {
  const [path] = paths(chart([{ name: "a", points: points(1, 2, 4) }]));
  const placed = path!
    .slice(1)
    .split("L")
    .map((pair) => pair.split(" ").map(Number));
  expect(placed).toHaveLength(3);
  const [[x0, y0], [x1, y1], [x2, y2]] = placed as [[number, number], [number, number], [number, number]];
  expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
  expect((y0 - y1) * 2).toBeCloseTo(y1 - y2, 0);
});

it("leaves a gap where there is no value", () => {
  const [path] = paths(chart([{ name: "a", points: points(1, null, 2, 3, Number.NaN, 1) }]));
  expect(path!.match(/M/g)).toHaveLength(3);
});

it("tells lines apart by dashes and marks as well as by colour, with a legend", () => {
  const svg = chart([
    { name: "one", points: points(1, 2) },
    { name: "two", points: points(2, 1) },
  ]);
  expect(svg.match(/stroke-dasharray="6 3"/g)).toHaveLength(2);
  expect(svg).toContain(">one</text>");
  expect(svg).toContain(">two</text>");
});

it("says every marked point's value, and marks few of many", () => {
  expect(chart([{ name: "a <b>", points: points(1, 2) }])).toContain("<title>a &lt;b&gt;, 1: 2</title>");
  const many = chart([{ name: "a", points: Array.from({ length: 500 }, (_, x) => ({ x, y: x % 7 })) }]);
  const marks = many.match(/<path class="dot"/g)!.length;
  expect(marks).toBeGreaterThan(20);
  expect(marks).toBeLessThan(50);
});

it("labels the ends of a path where that is asked for", () => {
  const labelled = [
    { x: 0, y: 1, label: "step 1" },
    { x: 1, y: 2, label: "step <9>" },
  ];
  const svg = chart([{ name: "run", points: labelled }], true);
  expect(svg).toContain(">step 1</text>");
  expect(svg).toContain(">step &lt;9&gt;</text>");
});

it("draws axes alone where there is nothing to draw", () => {
  const svg = chart([{ name: "a", points: points(null, Number.POSITIVE_INFINITY) }]);
  expect(svg).not.toMatch(/NaN|Infinity/);
  expect(svg.match(/class="dot"/g)).toBeNull();
});
