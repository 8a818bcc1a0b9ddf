import { describe, expect, it } from "vitest";
import { scale } from "../../../shared/plot/scale.ts";

describe("scale", () => {
  it("places values in order, with a margin at both ends", () => {
    const { place } = scale({ values: [2, 10, 4], log: false, range: [100, 200] });
    expect(place(2)).toBeGreaterThan(100);
    expect(place(10)).toBeLessThan(200);
    expect(place(6)).toBeCloseTo(150);
  });

  it("reverses with its range", () => {
    const { place } = scale({ values: [0, 1], log: false, range: [200, 100] });
    expect(place(0)).toBeGreaterThan(place(1));
  });

  it("places equal ratios equally far apart if it is logarithmic", () => {
    const { place, ticks } = scale({ values: [1, 10_000], log: true, range: [0, 400] });
    expect(place(100) - place(10)).toBeCloseTo(place(1000) - place(100));
    expect(ticks).toEqual([1, 10, 100, 1000, 10_000]);
  });

  it.each([
    [[0.1, 0.9], false],
    [[-3, 4], false],
    [[0.05, 0.7], true],
    [[180, 1400], false],
  ])("has a handful of round ticks for %j", (values, log) => {
    const { ticks, place } = scale({ values, log, range: [0, 100] });
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(8);
    for (const tick of ticks) {
      expect(Number(tick.toPrecision(2))).toBe(tick);
      expect(place(tick)).toBeGreaterThanOrEqual(0);
      expect(place(tick)).toBeLessThanOrEqual(100);
    }
  });

  it("centres a single value", () => {
    expect(scale({ values: [5], log: false, range: [0, 100] }).place(5)).toBeCloseTo(50);
    expect(scale({ values: [0], log: false, range: [0, 100] }).place(0)).toBeCloseTo(50);
  });
});
