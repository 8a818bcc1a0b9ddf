import { describe, expect, it } from "vitest";
import { matrix } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";
import {
  areaUnderCurve,
  bestLayer,
  heldOutSeparation,
  holdOuts,
} from "../../../../trainer/recipes/steering-vector/separation.ts";

describe("holdOuts", () => {
  it("puts every pair into one of up to five parts, drawn with the seed", () => {
    for (const pairs of [2, 3, 5, 13, 40]) {
      const parts = holdOuts(pairs, 7);
      expect(parts).toHaveLength(Math.min(5, pairs));
      expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: pairs }, (_, at) => at));
      expect(
        Math.max(...parts.map((part) => part.length)) - Math.min(...parts.map((part) => part.length)),
      ).toBeLessThan(2);
    }
    expect(holdOuts(40, 7)).toEqual(holdOuts(40, 7));
    expect(holdOuts(40, 7)).not.toEqual(holdOuts(40, 8));
  });
});

describe("areaUnderCurve", () => {
  it("is the share of pairs in which the positive score is higher, ties counting half", () => {
    const random = createRandom(3, "scores");
    const draw = (count: number) => Array.from({ length: count }, () => random.below(9));
    const [positive, negative] = [draw(31), draw(17)];
    let won = 0;
    for (const p of positive) for (const n of negative) won += p > n ? 1 : p === n ? 0.5 : 0;
    expect(areaUnderCurve(positive, negative)).toBeCloseTo(won / (31 * 17), 14);
    expect(areaUnderCurve([2, 3], [0, 1])).toBe(1);
    expect(areaUnderCurve([0, 1], [2, 3])).toBe(0);
    expect(areaUnderCurve([1, 1], [1])).toBe(0.5);
  });
});

describe("heldOutSeparation", () => {
  /** [n, D] of noise, moved along the first axis. */
  const draw = (seed: number, offset: number, count = 40) => {
    const random = createRandom(seed, "noise");
    return matrix(
      count,
      3,
      Float64Array.from({ length: 3 * count }, (_, at) => random.normal() + (at % 3 === 0 ? offset : 0)),
    );
  };

  it("finds what is there: the distance in deviations of sides that differ", () => {
    for (const method of ["mean_difference", "pca"] as const) {
      const found = heldOutSeparation({ positive: draw(1, 4), negative: draw(2, 0) }, method, holdOuts(40, 1));
      expect(found.auc).toBeGreaterThan(0.98);
      expect(found.accuracy).toBeGreaterThan(0.95);
      expect(found.separation).toBeGreaterThan(3);
      expect(found.separation).toBeLessThan(5);
    }
  });

  it("finds nothing in noise, which a measure on the same pairs would", () => {
    const aucs = Array.from({ length: 20 }, (_, seed) => {
      const sides = { positive: draw(100 + seed, 0), negative: draw(200 + seed, 0) };
      return heldOutSeparation(sides, "mean_difference", holdOuts(40, seed)).auc;
    });
    const mean = aucs.reduce((sum, auc) => sum + auc, 0) / aucs.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  });

  it("stays finite for two pairs, for sides without variance and for equal ones", () => {
    const same = matrix(2, 3, Float64Array.of(1, 0, 0, 1, 0, 0));
    const other = matrix(2, 3, new Float64Array(6));
    const parts = holdOuts(2, 1);
    expect(heldOutSeparation({ positive: same, negative: other }, "mean_difference", parts)).toEqual({
      auc: 1,
      accuracy: 1,
      separation: 1e6,
    });
    expect(heldOutSeparation({ positive: same, negative: same }, "pca", parts)).toEqual({
      auc: 0.5,
      accuracy: 0,
      separation: 0,
    });
  });
});

describe("bestLayer", () => {
  it("takes the largest area, then the largest distance, then the lowest layer", () => {
    const of = (auc: number, separation: number) => ({ auc, separation });
    expect(bestLayer([of(0.9, 9), of(0.95, 1)])).toBe(1);
    expect(bestLayer([of(1, 2), of(1, 3), of(1, 3)])).toBe(1);
    expect(bestLayer([of(0.5, 0)])).toBe(0);
  });
});
