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
      past_bias: f32([2, 1, 1, 1, 4], [0, 0, 0, HIDDEN, 0, 0, HIDDEN, HIDDEN]),
      own_bias: f32([1, 1], [0]),
      pick: f32([2, 1, 1], [1, 1]),
    });
  });
});

describe("prefillFeeds", () => {
  it("pads rows behind their tokens and picks the last of them", () => {
    const feeds = prefillFeeds([[5, 6, 7], [8]], { length: 4, capacity: 6, prefixTokens: 1 });
    const row = (...first: number[]) => [...first, ...new Array<number>(32 - first.length).fill(0)];
    expect(feeds.tokens).toEqual(i64([2, 32], [...row(5, 6, 7), ...row(8)]));
    expect(feeds.positions).toEqual(i64([2, 32], [...row(3, 4, 5), ...row(3)]));
    expect(feeds.pick).toEqual(f32([2, 1, 32], [...row(0, 0, 1), ...row(1)]));
    const past = [0, 0, 0, 0, HIDDEN, HIDDEN];
    expect(feeds.past_bias).toEqual(f32([2, 1, 1, 1, 6], [...past, ...past]));
    const { shape, data } = feeds.own_bias!;
    expect(shape).toEqual([32, 32]);
    for (let i = 0; i < 32 * 32; i++) expect(data[i]).toBe(i % 32 > Math.floor(i / 32) ? Math.fround(HIDDEN) : 0);
  });
});

it.each([
  [1, 32],
  [32, 32],
  [33, 64],
])("pads %s tokens to %s", (longest, padded) => {
  expect(paddedLength(longest)).toBe(padded);
});
