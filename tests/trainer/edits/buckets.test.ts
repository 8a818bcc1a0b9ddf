import { expect, it } from "vitest";
import { chunks, countBucket, lengthBucket } from "../../../trainer/edits/buckets.ts";

it("has few sizes, each large enough", () => {
  const all = Array.from({ length: 100 }, (_, i) => i + 1);
  for (const size of all) {
    expect(countBucket(size)).toBeGreaterThanOrEqual(size);
    expect(lengthBucket(size)).toBeGreaterThanOrEqual(size);
    expect(lengthBucket(size)).toBeLessThan(1.5 * size + 1);
  }
  expect([...new Set(all.map(lengthBucket))]).toEqual([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]);
  expect([...new Set(all.map(countBucket))]).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
});

it("splits items in order", () => {
  expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunks([], 2)).toEqual([]);
});
