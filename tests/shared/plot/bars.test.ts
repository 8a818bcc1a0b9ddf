import { expect, it } from "vitest";
import { drawBars } from "../../../shared/plot/bars.ts";

const svg = drawBars({
  id: "a",
  title: "t",
  description: "d",
  y: { title: "share", covers: [0, 1], format: (value) => `${Math.round(100 * value)} %` },
  series: ["before", "after"],
  groups: [
    {
      name: "facts",
      bars: [
        { value: 0.5, low: 0.25, high: 0.75 },
        { value: 1, low: null, high: null },
      ],
    },
    { name: "tasks <x>", bars: [null, { value: 0.25, low: 0.2, high: 0.3 }] },
  ],
});
const bars = [
  ...svg.matchAll(
    /<rect class="(hatched|bar)" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"><title>(.*?)<\/title>/g,
  ),
].map(([, style, y, height, title]) => ({ style, y: Number(y), height: Number(height), title }));

it("draws bars from 0, as long as their values, with their values in words", () => {
  expect(bars.map(({ title }) => title)).toEqual([
    "facts, before: 50 % (25 % to 75 %)",
    "facts, after: 100 %",
    "tasks &lt;x&gt;, after: 25 % (20 % to 30 %)",
  ]);
  const [half, whole, quarter] = bars;
  expect(whole!.height).toBeCloseTo(2 * half!.height, 0);
  expect(half!.height).toBeCloseTo(2 * quarter!.height, 0);
  // All stand on one line.
  expect(half!.y + half!.height).toBeCloseTo(whole!.y + whole!.height, 0);
});

it("tells before from after without colour: hollow and filled", () => {
  expect(bars.map(({ style }) => style)).toEqual(["hatched", "bar", "bar"]);
});

it("draws an interval as a line with two ends where there is one", () => {
  expect(svg.match(/class="ink"/g)).toHaveLength(6);
});

it("draws bars below 0 downwards", () => {
  const below = drawBars({
    ...{ id: "a", title: "t", description: "d", y: { title: "y" }, series: ["one"] },
    groups: [{ name: "g", bars: [{ value: -1, low: null, high: null }] }],
  });
  expect(below).not.toMatch(/height="-/);
});
