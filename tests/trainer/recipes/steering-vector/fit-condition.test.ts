import { describe, expect, it } from "vitest";
import { Condition, conditionHolds } from "../../../../shared/delta/condition.ts";
import { matrix } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";
import {
  bestConditionLayer,
  bestThreshold,
  conditionOf,
  conditionQuality,
  fitCondition,
} from "../../../../trainer/recipes/steering-vector/fit-condition.ts";

/** Rows about a common vector, with an offset along the second axis. */
function draw(seed: number, offset: number, count: number) {
  const random = createRandom(seed, "prompts");
  const centre = [10, offset, 0, 0];
  return matrix(
    count,
    4,
    Float64Array.from({ length: 4 * count }, (_, at) => centre[at % 4]! + random.normal()),
  );
}

describe("fitCondition", () => {
  it("tells new prompts apart, in classes of different sizes", () => {
    const { vector, threshold } = fitCondition({ positive: draw(1, 5, 60), negative: draw(2, -1, 12) });
    const place = { layer: 0, position: "last", comparator: "above" } as const;
    const condition = conditionOf({ vector, threshold }, place);
    const share = (seed: number, offset: number) => {
      const { data } = draw(seed, offset, 200);
      const rows = Array.from({ length: 200 }, (_, row) => data.subarray(4 * row, 4 * row + 4));
      return rows.filter((row) => conditionHolds(condition, row).holds).length / 200;
    };
    expect(share(3, 5)).toBeGreaterThan(0.95);
    expect(share(4, -1)).toBeLessThan(0.05);
  });

  it("points from the mean of one class to that of the other", () => {
    const classes = {
      positive: matrix(2, 2, Float64Array.of(1, 0, 3, 0)),
      negative: matrix(1, 2, Float64Array.of(0, 4)),
    };
    expect([...fitCondition(classes).vector]).toEqual([2, -4]);
  });
});

describe("bestThreshold", () => {
  it("lies in the middle of the gap that separates best", () => {
    expect(bestThreshold([0.6, 0.8], [0.2, 0.4])).toBeCloseTo(0.5, 15);
    expect(bestThreshold([0.6, 0.8, 0.1], [0.2, 0.4])).toBeCloseTo(0.5, 15);
    // Both gaps give 3 of 4; the wider one is taken.
    expect(bestThreshold([0.3, 0.9], [0.2, 0.4])).toBeCloseTo(0.65, 15);
    expect(bestThreshold([0.5], [0.5])).toBe(0.5);
  });

  it("is as good as the best of all thresholds", () => {
    const random = createRandom(4, "scores");
    const scores = (count: number, shift: number) => Array.from({ length: count }, () => random.below(20) / 20 + shift);
    const [positive, negative] = [scores(23, 0.1), scores(31, 0)];
    const quality = (at: number) =>
      positive.filter((score) => score > at).length / 23 + negative.filter((score) => score < at).length / 31;
    const every = Array.from({ length: 1_200 }, (_, at) => quality(at / 1_000 + 0.0001));
    expect(quality(bestThreshold(positive, negative))).toBe(Math.max(...every));
  });
});

describe("conditionQuality", () => {
  it("is near 1 for classes that differ, and near ½ for noise", () => {
    const good = conditionQuality({ positive: draw(1, 5, 30), negative: draw(2, -1, 30) }, 1);
    expect(good.accuracy).toBeGreaterThan(0.95);
    expect(good.auc).toBeGreaterThan(0.98);
    const noise = Array.from({ length: 12 }, (_, seed) =>
      conditionQuality({ positive: draw(50 + seed, 1, 30), negative: draw(80 + seed, 1, 30) }, seed),
    );
    const mean = noise.reduce((sum, { accuracy }) => sum + accuracy, 0) / noise.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.07);
  });

  it("works from two prompts of each class", () => {
    const found = conditionQuality({ positive: draw(1, 9, 2), negative: draw(2, -9, 2) }, 1);
    expect(found).toEqual({ auc: 1, accuracy: 1 });
  });
});

describe("bestConditionLayer", () => {
  it("goes by accuracy, then by area", () => {
    expect(
      bestConditionLayer([
        { auc: 1, accuracy: 0.8 },
        { auc: 0.9, accuracy: 0.9 },
      ]),
    ).toBe(1);
    expect(
      bestConditionLayer([
        { auc: 0.9, accuracy: 0.9 },
        { auc: 1, accuracy: 0.9 },
      ]),
    ).toBe(1);
  });
});

describe("conditionOf", () => {
  it("gives what a manifest holds, in numbers that float32 keeps", () => {
    const place = { layer: 2, position: "mean", comparator: "below" } as const;
    const condition = conditionOf({ vector: Float64Array.of(1 / 3, -2), threshold: 0.25 }, place);
    expect(Condition.parse(condition)).toEqual({ ...place, vector: [0.333333343, -2], threshold: 0.25 });
    expect(Math.fround(condition.vector[0]!)).toBe(Math.fround(1 / 3));
  });
});
