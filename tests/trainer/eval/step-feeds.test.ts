import { describe, expect, it } from "vitest";
import { f32, i64 } from "../../../shared/tensor.ts";
import { decodeFeeds, paddedLength, prefillFeeds } from "../../../trainer/eval/step-feeds.ts";

const HIDDEN = -1e9;

describe("decodeFeeds", () => {
  it("lets every row see what it has in the cache, and counts positions behind the prefix", () => {
    const rows = [
      { token: 7, length: 3 },
      { token: 9, length: 2 },
    ];
    expect(decodeFeeds(rows, { capacity: 4, prefixTokens: 2 })).toEqual({
      tokens: i64([2, 1], [7, 9]),
      positions: i64([2, 1], [1, 0]),
      bias: f32([2, 1, 1, 1, 4], [0, 0, 0, 0, 0, 0, 0, HIDDEN]),
      pick: f32([2, 1, 1], [1, 1]),
    });
  });
});

describe("prefillFeeds", () => {
  it("pads rows behind their tokens, picks the last of them, and lets each see the cache up to itself", () => {
    const feeds = prefillFeeds([[5, 6, 7], [8]], { start: 2, end: 6, capacity: 8, prefixTokens: 1 });
    expect(feeds.tokens).toEqual(i64([2, 4], [5, 6, 7, 0, 8, 0, 0, 0]));
    expect(feeds.positions).toEqual(i64([2, 4], [1, 2, 3, 0, 1, 0, 0, 0]));
    expect(feeds.pick).toEqual(f32([2, 1, 4], [0, 0, 1, 0, 1, 0, 0, 0]));
    const { shape, data } = feeds.bias!;
    expect(shape).toEqual([2, 1, 1, 4, 8]);
    for (let i = 0; i < 2 * 4 * 8; i++) {
      const [query, key] = [2 + (Math.floor(i / 8) % 4), i % 8];
      expect(data[i]).toBe(key > query ? Math.fround(HIDDEN) : 0);
    }
  });

  it("picks nothing besides for a single row, so that the head has two", () => {
    const feeds = prefillFeeds([[5, 6]], { start: 0, end: 3, capacity: 3, prefixTokens: 0 });
    expect(feeds.pick).toEqual(f32([1, 2, 3], [0, 1, 0, 0, 0, 0]));
  });
});

it.each([
  [1, 32],
  [32, 32],
  [33, 64],
])("pads %s tokens to %s", (longest, padded) => {
  expect(paddedLength(longest)).toBe(padded);
});
