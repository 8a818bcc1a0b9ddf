import { describe, expect, it } from "vitest";
import { TEXT_METRIC_NAMES, TEXT_METRICS } from "../../../../shared/graders/text/metrics.ts";
import { expectGolden, GOLDEN } from "./golden.ts";

describe("text metrics", () => {
  it("are those that the golden has", () => {
    expect([...TEXT_METRIC_NAMES].sort()).toEqual([...GOLDEN.metrics].sort());
  });

  it.each(TEXT_METRIC_NAMES)("%s is its reference's", (name) => {
    expectGolden(name, TEXT_METRICS[name]);
  });

  it.each(TEXT_METRIC_NAMES)("%s stays between 0 and 1, and is quick on long texts", (name) => {
    const long = "ab, cd ".repeat(4500);
    const started = performance.now();
    for (const [input, reference] of [
      [long, long],
      ["y".repeat(200_000), "a"],
      ["a", " ".repeat(200_000)],
      ["\ud800", "\u0000"],
    ] as const) {
      const score = TEXT_METRICS[name](input, reference);
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1 + 1e-12);
    }
    expect(performance.now() - started).toBeLessThan(15_000);
  });
});
