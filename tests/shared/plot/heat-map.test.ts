import { expect, it } from "vitest";
import { drawHeatMap } from "../../../shared/plot/heat-map.ts";

const panel = { title: "p", columns: ["0", "1"], columnTitle: "layer", format: String };

it("is darkest where the value is largest, and leaves out cells without one", () => {
  const svg = drawHeatMap({
    ...{ title: "t", description: "d" },
    panels: [
      {
        ...panel,
        rows: ["a", "b"],
        values: [
          [4, 1],
          [undefined, 0],
        ],
      },
    ],
  });
  const cells = [...svg.matchAll(/fill-opacity="([\d.]+)"><title>([^<]*)</g)].map(([, opacity, name]) => [
    name,
    Number(opacity),
  ]);
  expect(cells).toEqual([
    ["a, layer 0: 4", 1],
    ["a, layer 1: 1", 0.25],
    ["b, layer 1: 0", 0],
  ]);
  expect(svg.match(/class="on"/g)).toHaveLength(1);
});

it("draws values that are all alike", () => {
  const svg = drawHeatMap({ title: "t", description: "d", panels: [{ ...panel, rows: ["a"], values: [[0, 0]] }] });
  expect(svg).toContain('fill-opacity="0.000"');
});
