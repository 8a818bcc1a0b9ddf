import { expect, it } from "vitest";
import { rungsOf, survivors } from "../../../shared/trials/rungs.ts";

it.each([
  [{ min_steps: 1, max_steps: 81, eta: 3 }, [1, 3, 9, 27, 81]],
  [{ min_steps: 10, max_steps: 50, eta: 3 }, [10, 30, 50]],
  [{ min_steps: 1, max_steps: 3, eta: 1.2 }, [1, 2, 3]],
  [{ min_steps: 4, max_steps: 5, eta: 16 }, [4, 5]],
])("%j has the rungs %j", (halving, rungs) => {
  expect(rungsOf(halving)).toEqual(rungs);
});

it("takes one in η further, and at least one", () => {
  expect([27, 9, 8, 3, 2, 1].map((count) => survivors(count, 3))).toEqual([9, 3, 2, 1, 1, 1]);
});
