import { expect, test } from "vitest";
import { dare } from "../../../../shared/delta/merge/dare.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { linears, UP } from "./deltas.ts";

test("the average over seeds is the weighted sum", () => {
  const bias = (...values: number[]) => linears({ [UP]: { bias: f32([2], values) } });
  const terms = [
    { delta: bias(1, -2), weight: 2 },
    { delta: bias(3, 1), weight: -1 },
  ];
  const sum = [0, 0];
  const values = new Set<number>();
  for (let seed = 0; seed < 2000; seed++) {
    const { data } = dare.merge(terms, { rank: 1, density: 0.5, majoritySignMethod: "total", seed }).linears.get(UP)!
      .bias!;
    sum[0]! += data[0]! / 2000;
    sum[1]! += data[1]! / 2000;
    values.add(data[0]!);
  }
  // Each delta's element is either doubled or dropped.
  expect([...values].sort((a, b) => a - b)).toEqual([-6, -2, 0, 4]);
  // Five standard errors: √(4 + 9) / √2000 and √(16 + 1) / √2000.
  expect(Math.abs(sum[0]! - -1)).toBeLessThan(0.4);
  expect(Math.abs(sum[1]! - -5)).toBeLessThan(0.46);
});
