import { expect, it } from "vitest";
import { TOKEN_PLACES, Tracing } from "../../../shared/edits/tracing.ts";
import { drawTracing } from "../../../shared/edits/tracing-plot.ts";

const TRACING: Tracing = Tracing.parse({
  ...{ format: "trimtab.tracing/1", source: "base", facts: 12, samples: 4, noise: 3, layers: 3 },
  places: [...TOKEN_PLACES],
  probability: { clean: 0.8, corrupted: 0.1 },
  effects: {
    mlp: [[0.01, 0.02, 0], null, [0.1, 0.4, 0.05], [0, 0, 0], [-0.02, 0, 0], [0, 0, 0.1]],
    stream: TOKEN_PLACES.map(() => [0, 0.1, 0.2]),
  },
  edit_layers: { rome: 1, memit: [0, 1] },
});

it("says every effect in words, marks the largest, and leaves out places that no prompt has", () => {
  const svg = drawTracing(TRACING, "a <base>");
  const told = [...svg.matchAll(/<rect class="(up|down)" fill-opacity="([\d.]+)"[^>]*><title>(.*?)<\/title>/g)];
  expect(told).toHaveLength(5 * 3 + 6 * 3);
  expect(told.map(([, , , words]) => words)).toContain("MLP output restored, last subject token, 1: 40.0 %");
  expect(told.find(([, , , words]) => words!.endsWith(", last subject token, 1: 40.0 %"))).toMatchObject({ 2: "1" });
  expect(told.filter(([, side]) => side === "down").map(([, , , words]) => words)).toEqual([
    "MLP output restored, later tokens, 0: -2.0 %",
  ]);
  expect(svg).toContain("Where a &lt;base&gt; recalls facts");
  expect(svg).toContain("over 12 facts whose answers have a probability of 80.0 %");
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});
