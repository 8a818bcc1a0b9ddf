import { expect, test } from "vitest";
import { ties } from "../../../../shared/delta/merge/ties.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { linears, UP } from "./deltas.ts";

// peft's results on matrices are in registry.test.ts.
test("trim, elect, average: worked by hand for a bias", () => {
  const bias = (...values: number[]) => linears({ [UP]: { bias: f32([4], values) } });
  const merged = ties.merge(
    [
      { delta: bias(5, -1, 3, 0.5), weight: 1 },
      { delta: bias(-4, -2, 1, 0.25), weight: 0.5 },
    ],
    { rank: 1, density: 0.5, majoritySignMethod: "total", seed: 0 },
  );
  // Trimmed to [5, 0, 3, 0] and [-4, -2, 0, 0]; elected + − + +.
  expect([...merged.linears.get(UP)!.bias!.data]).toEqual([5, -1, 3, 0]);
});
