import { expect, it } from "vitest";
import { StateSum } from "../../../../shared/decode/steering/state-sum.ts";

it("adds one state for each token, however often a step is taken", () => {
  const sum = new StateSum();
  const never = () => {
    throw new Error("the state of no token was asked for");
  };
  sum.follow(0, never);
  expect([...sum.sum, sum.count]).toEqual([0]);
  sum.follow(1, () => Float32Array.of(1, 2));
  sum.follow(1, never);
  sum.follow(2, () => Float32Array.of(10, 20));
  expect([...sum.sum, sum.count]).toEqual([11, 22, 2]);
});
