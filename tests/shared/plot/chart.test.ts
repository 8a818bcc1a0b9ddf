import { describe, expect, it } from "vitest";
import { drawBars } from "../../../shared/plot/bars.ts";
import { escaped } from "../../../shared/plot/chart.ts";
import { drawLines } from "../../../shared/plot/lines.ts";
import { drawReliability } from "../../../shared/plot/reliability.ts";

const head = { id: "one", title: "Loss & <size>", description: 'What "they" cost' };
const lines = drawLines({
  ...head,
  x: { title: "step" },
  y: { title: "loss" },
  lines: [
    {
      name: "training",
      points: [
        { x: 1, y: 3 },
        { x: 2, y: 2 },
        { x: 3, y: 1 },
      ],
    },
    {
      name: "validation <file>",
      points: [
        { x: 1, y: 2.5 },
        { x: 3, y: 1.5 },
      ],
    },
  ],
});
const CHARTS = {
  lines,
  bars: drawBars({
    ...head,
    y: { title: "share" },
    series: ["before", "after"],
    groups: [{ name: "facts", bars: [{ value: 0.5, low: 0.4, high: 0.6 }, null] }],
  }),
  reliability: drawReliability({ ...head, bins: [{ predicted: 0.7, observed: 0.6, n: 10 }] }),
};

/** Elements are closed in the order in which they were opened. */
function isWellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (close === "/" ? open.pop() !== name : false) return false;
    if (close !== "/" && self !== "/") open.push(name!);
  }
  return open.length === 0;
}

describe.each(Object.entries(CHARTS))("a chart of %s", (_, svg) => {
  it("has a title and a description under ids of its own, all text escaped", () => {
    expect(svg).toContain('role="img" aria-labelledby="one-title one-desc"');
    expect(svg).toContain('<title id="one-title">Loss &amp; &lt;size&gt;</title>');
    expect(svg).toContain('<desc id="one-desc">What &quot;they&quot; cost</desc>');
    expect(isWellFormed(svg)).toBe(true);
  });

  it("loads and runs nothing, and has colours for dark pages", () => {
    expect(svg).not.toMatch(/<script|href|url\(|@import/);
    expect(svg).toContain("prefers-color-scheme:dark");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

it("escapes what HTML and attributes give a meaning", () => {
  expect(escaped(`<a href='x' title="y">&`)).toBe("&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;");
});
