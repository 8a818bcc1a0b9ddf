import { expect, it } from "vitest";
import { distanceFrom } from "../../../shared/delta/seen-states.ts";
import { f32 } from "../../../shared/tensor.ts";

it("is Mahalanobis' distance with the covariance that the directions describe, divided by the root of the width", () => {
  // Σ = 4 along (0.6, 0.8, 0), and 0.25 across it.
  const seen = { mean: f32([3], [1, 2, 3]), directions: f32([3, 1], [0.6, 0.8, 0]) };
  const spread = { variances: [4], rest: 0.25, threshold: 2 };
  const distance = (state: number[]) => distanceFrom(seen, spread, state);
  expect(distance([1, 2, 3])).toBe(0);
  expect(distance([1 + 1.2, 2 + 1.6, 3])).toBeCloseTo(Math.sqrt(4 / 4 / 3), 5);
  expect(distance([1, 2, 4])).toBeCloseTo(Math.sqrt(1 / 0.25 / 3), 6);
  // x = (1, 0, 1): 0.6 along, so 0.36 / 4 + (2 − 0.36) / 0.25.
  expect(distance([2, 2, 4])).toBeCloseTo(Math.sqrt((0.36 / 4 + 1.64 / 0.25) / 3), 6);
});
