import { expect, it } from "vitest";
import { chunks, countBucket, lengthBucket, slotsFor, tokensFor } from "../../../trainer/edits/buckets.ts";

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

it("fits graphs of many facts more closely than those of few", () => {
  expect([3, 4, 5, 9, 17, 25].map(slotsFor)).toEqual([4, 4, 8, 12, 24, 32]);
  expect(tokensFor(8, 9)).toBe(12);
  expect(tokensFor(16, 9)).toBe(9);
});

it("splits items in order", () => {
  expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunks([], 2)).toEqual([]);
});
