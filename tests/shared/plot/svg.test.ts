import { expect, it } from "vitest";
import { drawFigure } from "../../../shared/plot/svg.ts";

const axis = (title: string) => ({ title, format: (value: number) => value.toFixed(1) });
const figure = drawFigure({
  title: "Loss & <size>",
  description: 'What "they" cost',
  panels: [
    {
      x: axis("size"),
      y: axis("loss"),
      dots: [
        { label: "small <one>", x: 1, y: 2 },
        { label: "large", x: 3, y: 1 },
      ],
    },
  ],
});

it("has a title and a description for people who cannot see it, all text escaped", () => {
  expect(figure).toContain('<title id="title">Loss &amp; &lt;size&gt;</title>');
  expect(figure).toContain('<desc id="desc">What &quot;they&quot; cost</desc>');
  expect(figure).toContain("small &lt;one&gt;");
});

it("has a dot with its name and values for each point, placed by the axes", () => {
  const dots = [...figure.matchAll(/<circle class="dot" cx="([\d.]+)" cy="([\d.]+)" r="4"><title>(.*?)<\/title>/g)];
  expect(dots.map(([, , , title]) => title)).toEqual(["small &lt;one&gt;: 1.0, 2.0", "large: 3.0, 1.0"]);
  const [small, large] = dots.map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  expect(small!.x).toBeLessThan(large!.x);
  expect(small!.y).toBeLessThan(large!.y);
});

it("is well-formed and self-contained", () => {
  const open: string[] = [];
  for (const [, close, name, empty] of figure.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (close) expect(open.pop()).toBe(name);
    else if (!empty) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(figure).not.toMatch(/<script|href|url\(/);
});

const small = (dots: Parameters<typeof drawFigure>[0]["panels"][number]["dots"]) =>
  drawFigure({ title: "t", description: "d", panels: [{ x: axis("x"), y: axis("y"), dots }] });

it("gives dots on top of each other one label where there are many, and each its own name", () => {
  const dots = Array.from({ length: 26 }, (_, index) => ({
    label: `n${index}`,
    x: index < 4 ? 1 : index,
    y: index < 4 ? 1 : index,
  }));
  const drawn = small(dots);
  expect(drawn).toContain(">n0; n1; n2 and 1 more</text>");
  expect(drawn).toContain(">n4</text>");
  expect(drawn.match(/<circle class="dot"/g)).toHaveLength(26);
  expect(small(dots.slice(0, 5))).toContain(">n3</text>");
  expect(drawn).toContain("<title>n3: 1.0, 1.0</title>");
});

it("draws lines across a dot as far as its values may be off, within the axes", () => {
  const drawn = small([
    { label: "a", x: 1, y: 1, spread: { x: [0, 3], y: [0.5, 1.5] } },
    { label: "b", x: 2, y: 2, mark: "square" },
  ]);
  const [wide, tall] = [
    ...drawn.matchAll(/class="spread" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"/g),
  ].map((found) => found.slice(1).map(Number));
  expect(wide![1]).toBe(wide![3]);
  expect(wide![0]).toBeGreaterThanOrEqual(56);
  expect(wide![2]).toBeGreaterThan(wide![0]!);
  expect(tall![0]).toBe(tall![2]);
  expect(drawn.match(/<path class="dot"/g)).toHaveLength(1);
});

it("has one column for one panel, and a line for the legend", () => {
  const width = (drawn: string) => /viewBox="0 0 (\d+) (\d+)"/.exec(drawn)!.slice(1).map(Number);
  const legend = [{ mark: "diamond", text: "a <b>" }] as const;
  const panels = [{ x: axis("x"), y: axis("y"), dots: [{ label: "a", x: 1, y: 1 }] }];
  const [plain, withLegend] = [{}, { legend }].map((more) =>
    drawFigure({ title: "t", description: "d", panels, ...more }),
  );
  expect(width(plain!)[0]).toBe(470);
  expect(width(withLegend!)[1]! - width(plain!)[1]!).toBe(22);
  expect(withLegend).toContain(">a &lt;b&gt;</text>");
});
