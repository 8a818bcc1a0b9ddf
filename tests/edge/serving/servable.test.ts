import { expect, it } from "vitest";
import { requireRoom, requireServable } from "../../../edge/serving/servable.ts";
import { NO_DELTA } from "../../../shared/delta/canonical.ts";
import { f32 } from "../../../shared/tensor.ts";

const LIMITS = { rank: 4, columns: 4, positions: 8, bytes: 4000 };
const factors = (rank: number, a: number, b: number) => ({
  ...NO_DELTA,
  linears: new Map([
    [
      "p",
      { a: f32([2, rank], new Float32Array(2 * rank).fill(a)), b: f32([rank, 2], new Float32Array(2 * rank).fill(b)) },
    ],
  ]),
});

it.each([
  ["a rank above the arena's", factors(5, 1, 1), "a rank of 5"],
  ["positions above the cache's", { ...NO_DELTA, prompt: f32([9, 2], new Float32Array(18)) }, "9 positions"],
])("refuses %s", (_, delta, words) => {
  expect(() => requireServable(delta, LIMITS)).toThrow(
    expect.objectContaining({ code: "invalid_delta", message: expect.stringContaining(words) }),
  );
});

it("takes what is large and works", () => {
  requireServable(factors(4, 1e4, 1e4), LIMITS);
  requireRoom(4000, LIMITS);
  expect(() => requireRoom(4001, LIMITS)).toThrow(expect.objectContaining({ code: "invalid_delta" }));
});
