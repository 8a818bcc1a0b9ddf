import { expect, it } from "vitest";
import { drawHeatMaps } from "../../../shared/plot/heat-map.ts";

const draw = (rows: readonly { readonly name: string; readonly values: readonly number[] | null }[]) =>
  drawHeatMaps({
    ...{ title: "t & u", description: "d", columns: { title: "layer", names: ["0", "1"] } },
    maps: [{ title: "m", rows }],
    format: String,
  });

it("draws a cell for each value, the deepest for the farthest from 0", () => {
  const svg = draw([
    { name: "a", values: [1, -2] },
    { name: "b", values: null },
  ]);
  const cells = [...svg.matchAll(/<rect class="(up|down)" fill-opacity="([\d.]+)" x="([\d.]+)"/g)];
  expect(cells.map(([, side, opacity]) => [side, Number(opacity)])).toEqual([
    ["up", 0.5],
    ["down", 1],
  ]);
  expect(Number(cells[1]![3])).toBeGreaterThan(Number(cells[0]![3]));
  expect(svg).toContain("t &amp; u");
  expect(svg.match(/★/g)).toHaveLength(1);
});

it("draws zeros, and nothing at all, without a number that is none", () => {
  for (const rows of [[{ name: "a", values: [0, 0] }], [{ name: "a", values: null }], []]) {
    expect(draw(rows)).not.toMatch(/NaN|Infinity/);
  }
});
