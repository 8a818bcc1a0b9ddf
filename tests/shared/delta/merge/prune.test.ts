import { expect, test } from "vitest";
import { dropAtRandom, pruneSmallest } from "../../../../shared/delta/merge/prune.ts";

const term = (values: readonly number[], index = 0) => ({ values: Float64Array.from(values), weight: 1, index });

test.each([
  [0.5, [0, -4, 0, 3]],
  [0.49, [0, -4, 0, 0]],
  [0.75, [2, -4, 0, 3]],
  [1, [2, -4, -2, 3]],
  [0.2, [0, 0, 0, 0]],
])("density %f keeps the largest magnitudes, the first of equal ones", (density, expected) => {
  expect([...pruneSmallest(term([2, -4, -2, 3]), { density }).values]).toEqual(expected);
});

test("zeros do not raise the number of kept elements", () => {
  expect([...pruneSmallest(term([0, 0, 0, 7]), { density: 0.5 }).values]).toEqual([0, 0, 0, 7]);
});

const context = { rank: 1, density: 0.25, majoritySignMethod: "total", seed: 3, place: "here" } as const;
const ones = Array.from({ length: 40_000 }, () => 1);

test("dropping keeps the given fraction, the expected value and the signs", () => {
  const { values } = dropAtRandom(term(ones), context);
  const kept = values.filter((value) => value !== 0);
  // Six standard deviations of the binomial distribution.
  expect(Math.abs(kept.length - 10_000)).toBeLessThan(6 * Math.sqrt(40_000 * 0.25 * 0.75));
  expect(kept.every((value) => value === 4)).toBe(true);
  expect([...dropAtRandom(term([-2]), { ...context, density: 1 }).values]).toEqual([-2]);
});

test("the draw depends on the seed, the place and the delta", () => {
  const drawn = (index: number, other: object = {}) => dropAtRandom(term(ones, index), { ...context, ...other }).values;
  expect(drawn(0)).toEqual(drawn(0));
  expect(drawn(0)).not.toEqual(drawn(1));
  expect(drawn(0)).not.toEqual(drawn(0, { place: "there" }));
  expect(drawn(0)).not.toEqual(drawn(0, { seed: 4 }));
});
