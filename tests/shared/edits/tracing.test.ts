import { expect, it } from "vitest";
import { decodeTracing, encodeTracing, type Tracing, tracingName } from "../../../shared/edits/tracing.ts";

const TRACING: Tracing = {
  ...{
    format: "trimtab.tracing/1",
    layers: 2,
    source: "base",
    facts: 3,
    samples: 4,
    noise: 3,
    clean: 0.9,
    corrupted: 0.1,
  },
  mlp: { subject_last: [0.25, 0.5], last: [0, 0.125] },
  stream: { subject_last: [0.5, 0.5], last: [0, 0.75] },
  best_layer: 1,
};

it("comes back as it was written, and nothing else does", () => {
  expect(decodeTracing(encodeTracing(TRACING))).toEqual(TRACING);
  for (const text of ["{", "{}", JSON.stringify({ ...TRACING, more: 1 })]) {
    expect(() => decodeTracing(new TextEncoder().encode(text))).toThrow("not of the format trimtab.tracing/1");
  }
});

it("is named by all that it depends on", async () => {
  const of = { samples: 4, noise: 3, facts: 50, texts: "a" };
  const names = [of, { ...of, samples: 5 }, { ...of, noise: 2 }, { ...of, facts: 9 }, { ...of, texts: "b" }].map(
    tracingName,
  );
  expect(new Set(await Promise.all(names)).size).toBe(5);
  expect(await tracingName(of)).toMatch(/^tracing\.[0-9a-f]{32}\.json$/);
});
