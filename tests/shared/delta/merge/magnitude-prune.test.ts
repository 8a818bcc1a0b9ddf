import { expect, test } from "vitest";
import { magnitudePrune } from "../../../../shared/delta/merge/magnitude-prune.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { linears, UP } from "./deltas.ts";

// peft's results on matrices are in registry.test.ts.
test("the largest elements of each delta are summed", () => {
  const bias = (...values: number[]) => linears({ [UP]: { bias: f32([4], values) } });
  const merged = magnitudePrune.merge(
    [
      { delta: bias(5, -1, 3, 0.5), weight: 1 },
      { delta: bias(-4, -2, 1, 0.25), weight: 0.5 },
    ],
    { rank: 1, density: 0.5, majoritySignMethod: "total", seed: 0 },
  );
  expect([...merged.linears.get(UP)!.bias!.data]).toEqual([3, -1, 3, 0]);
});
