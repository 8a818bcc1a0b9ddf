import { expect, test } from "vitest";
import { dareTies } from "../../../../shared/delta/merge/dare-ties.ts";
import { ties } from "../../../../shared/delta/merge/ties.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { linears, randomDelta, UP } from "./deltas.ts";

const OPTIONS = { rank: 4, majoritySignMethod: "frequency" } as const;

test("with nothing dropped, equals TIES without trimming", () => {
  const terms = [
    { delta: randomDelta("one"), weight: 1 },
    { delta: randomDelta("two"), weight: 0.5 },
  ];
  const options = { ...OPTIONS, density: 1, seed: 1 };
  expect(dareTies.merge(terms, options)).toEqual(ties.merge(terms, options));
});

test("kept elements are scaled before signs are elected", () => {
  const delta = linears({ [UP]: { bias: f32([1], [3]) } });
  const seen = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const terms = [
      { delta, weight: 1 },
      { delta, weight: 0.5 },
    ];
    seen.add(dareTies.merge(terms, { ...OPTIONS, density: 0.5, seed }).linears.get(UP)!.bias!.data[0]!);
  }
  // Neither, either, or the mean of both.
  expect([...seen].sort((a, b) => a - b)).toEqual([0, 3, 4.5, 6]);
});
