import { expect, it } from "vitest";
import { isBetter, ranked } from "../../../shared/trials/ranking.ts";

it("has the best first, and of equals the earlier one", () => {
  const trials = [2, 1, 1, 3].map((value, trial) => ({ trial, value }));
  expect(ranked(trials, "minimize").map(({ trial }) => trial)).toEqual([1, 2, 0, 3]);
  expect(ranked(trials, "maximize").map(({ trial }) => trial)).toEqual([3, 0, 1, 2]);
  expect(isBetter(1, 1, "minimize")).toBe(false);
});
