import { expect, it } from "vitest";
import { drawFigure } from "./svg.ts";

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
