import { describe, expect, it } from "vitest";
import { Condition, checkCondition, conditionHolds, conditionSpan, cosine } from "../../../shared/delta/condition.ts";

const condition: Condition = { layer: 1, position: "last", vector: [3, 4], threshold: 0.5, comparator: "above" };

describe("conditionHolds", () => {
  it("compares the cosine with the threshold, on the side of the comparator", () => {
    expect(conditionHolds(condition, [6, 8])).toEqual({ holds: true, score: 1 });
    expect(conditionHolds(condition, Float32Array.of(-4, 3))).toEqual({ holds: false, score: 0 });
    expect(conditionHolds({ ...condition, comparator: "below" }, [-4, 3])).toEqual({ holds: true, score: 0 });
    const slanted = conditionHolds(condition, [1, 0]);
    expect(slanted.score).toBeCloseTo(0.6, 15);
    expect(slanted.holds).toBe(true);
  });

  it("does not hold at the threshold itself, on either side", () => {
    for (const comparator of ["above", "below"] as const) {
      expect(conditionHolds({ ...condition, threshold: 1, comparator }, [6, 8]).holds).toBe(false);
    }
  });

  it("has the score 0 for an activation of zeros", () => {
    expect(conditionHolds(condition, [0, 0])).toEqual({ holds: false, score: 0 });
  });

  it("refuses another width, and numbers that are not finite", () => {
    expect(() => conditionHolds(condition, [1, 2, 3])).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: "the condition's vector has 2 numbers, but the activation has 3: they belong to different models",
      }),
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => conditionHolds(condition, [bad, 1])).toThrow(expect.objectContaining({ code: "non_finite" }));
    }
  });
});

describe("cosine", () => {
  it("stays within −1 and 1 in spite of rounding", () => {
    const vector = Array.from({ length: 999 }, (_, at) => Math.sin(at) * 1e-3);
    const score = cosine(vector, vector);
    expect(score).toBeLessThanOrEqual(1);
    expect(score).toBeCloseTo(1, 14);
  });
});

describe("conditionSpan", () => {
  it("takes the last token, or all but the first where there are others", () => {
    expect(conditionSpan("last", 5)).toEqual({ from: 4, to: 5 });
    expect(conditionSpan("mean", 5)).toEqual({ from: 1, to: 5 });
    expect(conditionSpan("mean", 1)).toEqual({ from: 0, to: 1 });
  });
});

describe("Condition", () => {
  it.each([
    { layer: -1 },
    { layer: 0.5 },
    { position: "completion" },
    { vector: [] },
    { vector: [Number.NaN, 1] },
    { threshold: 1.1 },
    { comparator: "equal" },
    { extra: 1 },
  ])("refuses %j", (change) => {
    expect(Condition.safeParse(condition).success).toBe(true);
    expect(Condition.safeParse({ ...condition, ...change }).success).toBe(false);
  });
});

describe("checkCondition", () => {
  const model = { layers: 2, hiddenSize: 2 };
  it.each([
    [{ layer: 2 }, "the steering condition reads layer 2, but the model has the layers 0 to 1"],
    [{ vector: [1] }, "the steering condition has a vector of 1 numbers, but the model's stream has 2"],
    [{ vector: [0, 0] }, "the steering condition has a vector of zeros, which has no direction"],
  ])("refuses %j", (change, message) => {
    checkCondition(condition, model);
    expect(() => checkCondition({ ...condition, ...change }, model)).toThrow(
      expect.objectContaining({ code: "invalid_delta", message }),
    );
  });
});
