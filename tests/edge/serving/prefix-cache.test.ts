import { expect, it } from "vitest";
import { type CachedPrefix, PrefixCache } from "../../../edge/serving/prefix-cache.ts";
import { statesOf } from "./states-of.ts";

const tokens = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);
const entry = (prompt: number[], stateKey = "k"): CachedPrefix => {
  return { stateKey, prompt, positions: prompt.length, promptStates: statesOf(new Float32Array()) };
};
const row = (prompt: number[], stateKey = "k") => {
  return { stateKey, prompt, deltas: { prefixTokens: 0, virtualTokens: 0 }, computes: "none" as const };
};

it("finds what has most in common with a row, of its own tenant alone", () => {
  const cache = new PrefixCache();
  cache.put(3, entry([...tokens(8), 90, 91]));
  cache.put(5, entry([...tokens(4), 92]));
  cache.put(6, entry(tokens(20), "other"));
  expect(cache.best(row(tokens(20)), 4)).toEqual({ slot: 3, positions: 8 });
  expect(cache.best(row(tokens(20), "other"), 4)).toEqual({ slot: 6, positions: 20 });
  expect(cache.best(row(tokens(20), "third"), 4)).toBeUndefined();
  expect([cache.has(entry([...tokens(4), 92])), cache.has(entry(tokens(4)))]).toEqual([true, false]);
});

it("lists slots by their last use", () => {
  const cache = new PrefixCache();
  for (const slot of [1, 2, 3]) cache.put(slot, entry([slot]));
  cache.touch(1);
  expect(cache.slots()).toEqual([2, 3, 1]);
  cache.move(3, 7);
  expect(cache.slots()).toEqual([2, 7, 1]);
  expect(cache.delete(2)?.prompt).toEqual([2]);
  expect([cache.size, cache.get(2), cache.get(7)?.prompt]).toEqual([2, undefined, [3]]);
});
