import { expect, test } from "vitest";
import { Lengths } from "../../../../shared/data/inspect/lengths.ts";

test("Lengths gives percentiles and bins that are the same for every file", () => {
  const lengths = new Lengths();
  expect(lengths.figures).toBeNull();
  for (let length = 100; length >= 1; length--) lengths.add(length);
  const { histogram, ...figures } = lengths.figures!;
  expect(figures).toEqual({ count: 100, total: 5050, min: 1, mean: 50.5, p50: 50, p95: 95, max: 100 });
  expect(histogram.slice(0, 3)).toEqual([
    { from: 0, to: 8, count: 7 },
    { from: 8, to: 16, count: 8 },
    { from: 16, to: 24, count: 8 },
  ]);
  expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(100);
  expect(histogram.every(({ from, to }, at) => from < to && (at === 0 || histogram[at - 1]!.to === from))).toBe(true);
});
