import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { TextMetric } from "../../../../shared/graders/text/metrics.ts";

interface Golden {
  readonly metrics: readonly string[];
  readonly pairs: readonly { readonly input: string; readonly reference: string; readonly scores: readonly number[] }[];
  readonly stems: readonly (readonly [word: string, stem: string])[];
}

export const GOLDEN: Golden = JSON.parse(
  readFileSync(new URL("../../../golden/graders/text-similarity.json", import.meta.url), "utf8"),
);

/** Holds a metric to its reference on every pair of the golden. */
export function expectGolden(name: string, metric: TextMetric): void {
  const at = GOLDEN.metrics.indexOf(name);
  expect(GOLDEN.pairs.length).toBeGreaterThanOrEqual(200);
  for (const { input, reference, scores } of GOLDEN.pairs) {
    const off = Math.abs(metric(input, reference) - scores[at]!);
    expect(off, `${name} of ${JSON.stringify([input, reference])}`).toBeLessThanOrEqual(1e-9);
  }
}
