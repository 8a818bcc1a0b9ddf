import { describe, expect, it } from "vitest";
import { meanOf, shareChangeOf, shareOf } from "../../../../shared/evaluation/intervals.ts";
import { compareMeasures, estimateOf, type Measure } from "../../../../shared/evaluation/suites/measure.ts";

const share = (values: number[], items = [...values.keys()]): Measure => ({ kind: "share", values, items });
const mean = (values: number[], items = [...values.keys()]): Measure => ({ kind: "mean", values, items });

describe("estimateOf", () => {
  it("gives shares Wilson's interval and means Student's, by item", () => {
    expect(estimateOf(share([1, 0, 1, 1]))).toEqual(shareOf(3, 4));
    expect(estimateOf(mean([1, 2, 6]))).toEqual(meanOf([1, 2, 6]));
    expect(estimateOf(share([1, 1, 0, 0], [0, 0, 1, 1]))).toEqual(shareOf(2, 4, 2));
    expect(estimateOf(share([]))).toBeNull();
    expect(estimateOf(mean([]))).toBeNull();
  });

  it("draws the interval of a statistic, near that of a mean for a mean, and the same every time", () => {
    const values = Array.from({ length: 200 }, (_, i) => (i * 37) % 100);
    const of = (items: readonly number[]) => items.reduce((sum, item) => sum + values[item]!, 0) / items.length;
    const drawn = estimateOf({ kind: "statistic", n: values.length, of })!;
    const known = meanOf(values)!;
    expect(drawn).toEqual(estimateOf({ kind: "statistic", n: values.length, of }));
    expect(drawn.value).toBeCloseTo(known.value, 12);
    const width = known.high! - known.low!;
    expect(Math.abs(drawn.low! - known.low!)).toBeLessThan(width / 10);
    expect(Math.abs(drawn.high! - known.high!)).toBeLessThan(width / 10);
  });

  it("has nothing to say of a statistic without items, or without a value on them", () => {
    expect(estimateOf({ kind: "statistic", n: 0, of: () => 1 })).toBeNull();
    expect(estimateOf({ kind: "statistic", n: 3, of: () => null })).toBeNull();
  });
});

describe("compareMeasures", () => {
  it("pairs the items", () => {
    const compared = compareMeasures(share([1, 0, 0, 0]), share([1, 1, 1, 0]));
    expect(compared.before).toEqual(shareOf(1, 4));
    expect(compared.after).toEqual(shareOf(3, 4));
    expect(compared.change).toEqual(shareChangeOf([1, 0, 0, 0], [1, 1, 1, 0]));
    expect(compareMeasures(mean([1, 2]), mean([2, 4])).change!.value).toBe(1.5);
  });

  it("draws the same items for both statistics, so that equal ones differ by nothing", () => {
    const of = (items: readonly number[]) => Math.max(...items);
    const measure: Measure = { kind: "statistic", n: 20, of };
    expect(compareMeasures(measure, measure).change).toEqual({ value: 0, low: 0, high: 0, n: 20 });
    expect(compareMeasures(measure, { ...measure, of: (items) => of(items) + 2 }).change).toMatchObject({
      value: 2,
      low: 2,
      high: 2,
    });
  });

  it("refuses runs of other items", () => {
    expect(() => compareMeasures(share([1, 0]), share([1]))).toThrow("the same items");
    expect(() => compareMeasures(share([1, 0]), share([1, 0], [1, 0]))).toThrow("the same items");
    expect(() => compareMeasures(share([1, 0]), mean([1, 0]))).toThrow("the same items");
    expect(() => compareMeasures(share([1]), { kind: "statistic", n: 1, of: () => 1 })).toThrow("the same items");
  });
});
