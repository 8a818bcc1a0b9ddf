import { expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { bootstrapInterval, quantile, ratioOf } from "../../../shared/sweep/bootstrap.ts";
import { GOLDEN } from "./golden.ts";

it("quantiles are NumPy's", () => {
  const { values, at, quantiles } = GOLDEN.quantiles;
  const sorted = Float64Array.from(values);
  for (const [index, place] of at.entries()) expect(quantile(sorted, place)).toBeCloseTo(quantiles[index]!, 14);
});

it("the interval approaches that of all draws there are", () => {
  const { sums, counts, low, high } = GOLDEN.bootstrap;
  const groups = sums.map((sum, index) => ({ sum, count: counts[index]! }));
  const options = { random: createRandom(1, "bootstrap"), resamples: 100_000 };
  const [lower, upper] = bootstrapInterval(groups, options)!;
  expect(Math.abs(lower - low)).toBeLessThan(0.02 * (high - low));
  expect(Math.abs(upper - high)).toBeLessThan(0.02 * (high - low));
});

it("covers the mean about as often as it says", () => {
  const random = createRandom(3, "coverage");
  let covered = 0;
  for (let trial = 0; trial < 400; trial++) {
    const groups = Array.from({ length: 40 }, () => ({ sum: 2 + random.normal(), count: 1 }));
    const [low, high] = bootstrapInterval(groups, { random, resamples: 400 })!;
    if (low <= 2 && 2 <= high) covered++;
  }
  // 95 % of 400 is 380, with a standard deviation of 4.4; a percentile interval of 40 draws is about 1.5 % short of it.
  expect(covered).toBeGreaterThan(360);
  expect(covered).toBeLessThan(397);
});

it("is the same for the same seed, and there is none for one group", () => {
  const groups = [1, 2, 4].map((sum) => ({ sum, count: 1 }));
  const interval = (seed: number) => bootstrapInterval(groups, { random: createRandom(seed, "b"), resamples: 51 });
  expect(interval(1)).toEqual(interval(1));
  expect(bootstrapInterval([{ sum: 1, count: 2 }], { random: createRandom(1) })).toBeNull();
  expect(
    bootstrapInterval(
      [
        { sum: 1, count: 2 },
        { sum: 0, count: 0 },
      ],
      { random: createRandom(1) },
    ),
  ).toBeNull();
  expect(
    ratioOf([
      { sum: 1, count: 1 },
      { sum: 5, count: 3 },
    ]),
  ).toBe(1.5);
});
