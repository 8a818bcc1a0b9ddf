import { describe, expect, test } from "vitest";
import { jaccard, SKETCH_SIZE, shingles } from "../../../../../shared/data/inspect/near/shingles.ts";

const words = (...all: number[]) => Uint32Array.from(all);

describe("shingles", () => {
  test("are the distinct runs of three words in order of their hashes", () => {
    const set = shingles(words(1, 2, 3, 1, 2, 3, 1));
    expect(set).toHaveLength(3);
    expect([...set]).toEqual([...set].sort((a, b) => a - b));
    expect(shingles(words(1, 2))).toHaveLength(1);
    expect(shingles(words())).toHaveLength(0);
    expect(shingles(words(1, 2, 3))).not.toEqual(shingles(words(3, 2, 1)));
  });
});

describe("jaccard", () => {
  const of = (a: number[], b: number[]) =>
    jaccard(words(...a, ...b), { start: 0, end: a.length }, { start: a.length, end: a.length + b.length });

  test("is the shared part of the union", () => {
    expect(of([1, 2, 3], [2, 3, 4])).toBe(0.5);
    expect(of([1, 2], [1, 2])).toBe(1);
    expect(of([1], [2])).toBe(0);
    expect(of([], [])).toBe(0);
  });

  test("looks at no more than the smallest of the union", () => {
    const low = Array.from({ length: SKETCH_SIZE }, (_, at) => at);
    expect(of(low, [...low, 10_000])).toBe(1);
  });
});
