import { describe, expect, it } from "vitest";
import { commonPrefix, sharedPositions } from "../../../edge/serving/shared-prefix.ts";

const CHUNK = 4;
const tokens = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);

function shared(
  prompt: number[],
  held: number[],
  {
    prefixTokens = 0,
    virtualTokens = 0,
    keys = ["k", "k"],
    computes = "none" as "none" | "last" | "all" | number,
  } = {},
) {
  const row = { stateKey: keys[0]!, prompt, deltas: { prefixTokens, virtualTokens }, computes };
  return sharedPositions(row, { stateKey: keys[1]!, prompt: held }, CHUNK);
}

describe("sharedPositions", () => {
  it("shares the whole of an equal prompt, with what stands before it", () => {
    expect(shared(tokens(7), tokens(7))).toBe(7);
    expect(shared(tokens(7), tokens(7), { prefixTokens: 5, virtualTokens: 2 })).toBe(14);
  });

  it("shares whole chunks of another prompt, as they would be prefilled alone", () => {
    expect(shared([...tokens(9), 50], [...tokens(9), 60])).toBe(8);
    expect(shared([...tokens(3), 50], [...tokens(3), 60])).toBe(0);
    // Chunks are counted from the end of the prefix, virtual tokens included.
    expect(shared([...tokens(9), 50], [...tokens(9), 60], { prefixTokens: 5, virtualTokens: 3 })).toBe(5 + 12);
    expect(shared([...tokens(3), 50], [90, 91], { virtualTokens: 6 })).toBe(4);
  });

  it("leaves at least the last token to be computed", () => {
    expect(shared(tokens(8), tokens(20))).toBe(4);
    expect(shared(tokens(9), tokens(20))).toBe(8);
    expect(shared(tokens(20), tokens(8))).toBe(8);
  });

  it("leaves the last token of an equal prompt to a row that reads more than what is kept with it", () => {
    expect(shared(tokens(7), tokens(7), { computes: "last" })).toBe(4);
    expect(shared(tokens(8), tokens(8), { computes: "last" })).toBe(4);
    expect(shared(tokens(3), tokens(3), { computes: "last" })).toBe(0);
    expect(shared(tokens(9), tokens(9), { computes: "all" })).toBe(0);
  });

  it("shares nothing between rows whose states differ", () => {
    expect(shared(tokens(7), tokens(7), { keys: ["a", "b"] })).toBe(0);
  });
});

it("commonPrefix counts equal tokens from the start", () => {
  expect(commonPrefix([1, 2, 3], [1, 2, 4])).toBe(2);
  expect(commonPrefix([1, 2], [1, 2, 4])).toBe(2);
  expect(commonPrefix([], [1])).toBe(0);
});

describe("sharedPositions of a row that reads its prompt from a token on", () => {
  it("leaves that token and all behind it to the row, and the chunk that they begin in", () => {
    expect(shared(tokens(20), tokens(20), { computes: 10 })).toBe(8);
    expect(shared(tokens(20), tokens(20), { computes: 12 })).toBe(12);
    expect(shared(tokens(20), tokens(20), { computes: 19 })).toBe(16);
    expect(shared(tokens(20), tokens(20), { computes: 0 })).toBe(0);
    expect(shared(tokens(20), tokens(20), { computes: 3 })).toBe(0);
    expect(shared(tokens(20), tokens(20), { computes: 3, prefixTokens: 5, virtualTokens: 2 })).toBe(5 + 4);
  });
});
