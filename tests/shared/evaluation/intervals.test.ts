import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  changeOf,
  independentOf,
  meanOf,
  shareChangeOf,
  shareOf,
  studentQuantile,
} from "../../../shared/evaluation/intervals.ts";

const golden = JSON.parse(readFileSync(new URL("../../golden/report/statistics.json", import.meta.url), "utf8")) as {
  readonly wilson: readonly { right: number; n: number; low: number; high: number }[];
  readonly student: readonly { values: number[]; low: number; high: number }[];
  readonly clustered_means: readonly { values: number[]; clusters: number[]; low: number; high: number }[];
  readonly quantiles: readonly [number, number][];
  readonly matched: readonly { gained: number; lost: number; n: number; low: number; high: number }[];
};

describe("a share's interval", () => {
  it.each(golden.wilson)("is Wilson's for $right of $n, as statsmodels has it", ({ right, n, low, high }) => {
    const share = shareOf(right, n)!;
    expect(share.value).toBe(right / n);
    expect(share.low).toBeCloseTo(low, 12);
    expect(share.high).toBeCloseTo(high, 12);
  });

  it("holds the value and stays a share, for every count of up to 40", () => {
    for (let n = 1; n <= 40; n++) {
      for (let right = 0; right <= n; right += 0.5) {
        const { value, low, high } = shareOf(right, n)!;
        expect(0 <= low! && low! <= value && value <= high! && high! <= 1).toBe(true);
      }
    }
    expect(shareOf(0, 8)!.low).toBe(0);
    expect(shareOf(8, 8)!.high).toBe(1);
  });

  it("is nothing without trials", () => {
    expect([shareOf(0, 0), meanOf([]), changeOf([], []), shareChangeOf([], [])]).toEqual([null, null, null, null]);
  });
});

describe("a mean's interval", () => {
  it.each(golden.student)("is Student's, as scipy has it", ({ values, low, high }) => {
    const mean = meanOf(values)!;
    expect(mean.n).toBe(values.length);
    // The expansion of the quantile is good to 2e-4.
    const room = 2e-4 * (high - low);
    expect(Math.abs(mean.low! - low)).toBeLessThan(room);
    expect(Math.abs(mean.high! - high)).toBeLessThan(room);
  });

  it("has the quantiles of scipy within 2e-4", () => {
    for (const [degrees, quantile] of golden.quantiles) {
      expect(Math.abs(studentQuantile(degrees) - quantile)).toBeLessThan(2e-4);
    }
  });

  it("has no ends for a single value", () => {
    expect(meanOf([3])).toEqual({ value: 3, low: null, high: null, n: 1 });
  });

  it("is that of the differences for a change", () => {
    expect(changeOf([1, 2, 4], [2, 4, 7])).toEqual(meanOf([1, 2, 3]));
  });
});

describe("an interval of values in clusters", () => {
  it.each(golden.clustered_means)("is that of statsmodels' clustered mean", ({ values, clusters, low, high }) => {
    const mean = meanOf(values, clusters)!;
    expect(mean.n).toBe(values.length);
    const room = 2e-4 * (high - low);
    expect(Math.abs(mean.low! - low)).toBeLessThan(room);
    expect(Math.abs(mean.high! - high)).toBeLessThan(room);
  });

  it("counts clusters: as many copies of a value tell no more than one", () => {
    const [values, before] = [
      [1, 0, 1, 1, 0, 1, 1, 0],
      [0, 0, 1, 0, 1, 1, 0, 0],
    ];
    const copied = (all: readonly number[]) => all.flatMap((value) => [value, value, value]);
    const clusters = copied([...values.keys()]);
    const ends = (of: { readonly low: number | null; readonly high: number | null } | null) => [of!.low!, of!.high!];
    const close = (some: number[], others: number[]) => {
      for (const [i, end] of some.entries()) expect(end).toBeCloseTo(others[i]!, 12);
    };
    close(ends(meanOf(copied(values), clusters)), ends(meanOf(values)));
    expect(independentOf(clusters)).toBe(8);
    close(ends(shareOf(15, 24, independentOf(clusters))), ends(shareOf(5, 8)));
    close(ends(shareChangeOf(copied(before), copied(values), clusters)), ends(shareChangeOf(before, values)));
    close(ends(changeOf(copied(before), copied(values), clusters)), ends(changeOf(before, values)));
    expect(meanOf([1, 2], ["a", "a"])).toEqual({ value: 1.5, low: null, high: null, n: 2 });
    expect(shareChangeOf([0, 0, 0], [1, 1, 0], ["a", "a", "b"])!.value).toBeCloseTo(2 / 3, 12);
  });

  it("counts clusters of different sizes for fewer than they are", () => {
    expect(independentOf(["a", "a", "a", "b"])).toBeCloseTo(1.6, 12);
    expect(independentOf([])).toBe(0);
  });
});

describe("the interval of a share's change", () => {
  it.each(golden.matched)(
    "is Agresti and Min's for $gained gained and $lost lost of $n",
    ({ gained, lost, n, low, high }) => {
      const before = Array.from({ length: n }, (_, i) => (i < gained ? 0 : i < gained + lost ? 1 : 0));
      const after = Array.from({ length: n }, (_, i) => (i < gained ? 1 : 0));
      const change = shareChangeOf(before, after)!;
      expect(change.value).toBeCloseTo((gained - lost) / n, 12);
      expect(change.low).toBeCloseTo(Math.max(-1, low), 12);
      expect(change.high).toBeCloseTo(Math.min(1, high), 12);
    },
  );

  it("is not empty where nothing has changed", () => {
    const same = new Array<number>(20).fill(1);
    const { value, low, high } = shareChangeOf(same, same)!;
    expect(value).toBe(0);
    expect(low!).toBeLessThan(-0.05);
    expect(high!).toBeGreaterThan(0.05);
  });
});
