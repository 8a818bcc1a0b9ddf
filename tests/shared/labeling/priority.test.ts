import { expect, it } from "vitest";
import { priority } from "../../../shared/labeling/priority.ts";

const nothing = { rewards: [], logprobs: null };

it("the least margin of two texts in mean reward counts most", () => {
  const by = (...rewards: number[][]) => priority("least_margin", { rewards, logprobs: null });
  expect(by([1, 4])).toBe(-3);
  expect(by([1, 4], [5, 2])).toBeCloseTo(-0, 12);
  // The nearest two of three.
  expect(by([0, 10, 9.5])).toBeCloseTo(-0.5, 12);
  // Each model's rewards are known up to a constant.
  expect(by([101, 104], [5, 2])).toBeCloseTo(by([1, 4], [-5, -8]), 12);
});

it("the variance of an ensemble is that of differences", () => {
  const by = (...rewards: number[][]) => priority("ensemble_variance", { rewards, logprobs: null });
  // Differences −3 and 3: variance 9.
  expect(by([1, 4], [5, 2])).toBeCloseTo(9, 12);
  expect(by([1, 4], [101, 104])).toBeCloseTo(0, 12);
  expect(by([0, 0, 1], [0, 0, 5])).toBeCloseTo(4, 12);
});

it("a text alone is compared with the mean of its prompt's texts", () => {
  expect(priority("least_margin", { rewards: [[4]], logprobs: null }, [1])).toBe(-3);
  expect(priority("ensemble_variance", { rewards: [[4], [4]], logprobs: null }, [1, 7])).toBeCloseTo(9, 12);
});

it("log-probabilities have margins too", () => {
  expect(priority("log_probability", { rewards: [], logprobs: [-1, -1.5, -3] })).toBeCloseTo(-0.5, 12);
  expect(priority("log_probability", { rewards: [], logprobs: [-1] })).toBe(0);
  expect(priority("log_probability", nothing)).toBe(0);
});

it("at random all count the same", () => {
  expect(priority("random", { rewards: [[1, 9]], logprobs: [-1, -9] })).toBe(0);
});
