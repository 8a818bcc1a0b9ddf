import { expect, test } from "vitest";
import { cat } from "../../../../shared/delta/merge/cat.ts";
import { linears, lowRank, Q } from "./deltas.ts";

test("the factors are placed side by side, even if not all are needed", () => {
  const delta = linears({ [Q]: lowRank(6, "one") });
  const merged = cat
    .merge(
      [
        { delta, weight: 1 },
        { delta, weight: -2 },
      ],
      { rank: 1, density: 1, majoritySignMethod: "total", seed: 0 },
    )
    .linears.get(Q)!;
  expect([merged.a!.shape, merged.b!.shape]).toEqual([
    [12, 12],
    [12, 8],
  ]);
  const { b } = delta.linears.get(Q)!;
  expect([...merged.b!.data]).toEqual([...b!.data, ...b!.data.map((value) => value * -2)]);
});
