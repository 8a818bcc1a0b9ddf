import { expect, it } from "vitest";
import type { Tracing } from "../../../shared/edits/tracing.ts";
import { tracingMap } from "../../../shared/plot/tracing-map.ts";

const tracing: Tracing = {
  ...{
    format: "trimtab.tracing/1",
    layers: 3,
    source: "base",
    facts: 3,
    samples: 4,
    noise: 3,
    clean: 0.9,
    corrupted: 0.1,
  },
  mlp: { subject_last: [0.25, 0.5, -0.01], last: [0, 0.125, 0.2] },
  stream: { subject_last: [0.5, 0.5, 0], last: [0, 0.75, 0.75] },
  best_layer: 1,
};

it("shows every state that was restored, in numbers too", () => {
  const svg = tracingMap(tracing, "a<b");
  expect(svg).toContain('<title id="title">Where a&lt;b recalls facts</title>');
  expect(svg).toContain("wins back most in layer 1.");
  expect(svg.match(/class="cell"/g)).toHaveLength(12);
  expect(svg).toContain("<title>last subject token, layer 1: 50.0</title>");
  expect(svg).toContain("<title>last subject token, layer 2: -1.0</title>");
  expect(svg).not.toContain("middle subject token");
});
