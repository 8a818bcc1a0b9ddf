import { describe, expect, it } from "vitest";
import type { Tensor } from "../../../shared/tensor.ts";
import { type DataBatch, evaluationBatches, type RowOptions, stepBatches } from "../../../trainer/data/batches.ts";
import type { Unit, UnitExample } from "../../../trainer/data/units.ts";

/** An example of the ids `first`, `first` + 1, …, all but the first trained, with a number for each of them. */
function example(first: number, length: number, score: number): UnitExample {
  const ids = Int32Array.from({ length }, (_, at) => first + at);
  return {
    ids,
    labels: ids.map((id, at) => (at === 0 ? -100 : id)),
    columns: { score, reference: Float32Array.from(ids, (id, at) => (at === 0 ? 0 : -id)) },
  };
}

const form = { examples: 2, columns: { margin: "unit", score: "example", reference: "token" } } as const;
const options: RowOptions = {
  shape: { rows: 2, tokens: 6 },
  packing: true,
  padId: 0,
  units: { form, capacity: 3 },
};
const pair: Unit = { examples: [example(10, 4, 1), example(20, 2, -1)], columns: { margin: 0.5 } };
const alone: Unit = { examples: [example(30, 3, 7)], columns: { margin: 2 } };
const listed = ({ feeds }: DataBatch, name: string) => Array.from((feeds[name] as Tensor).data, Number);

describe("unitFeeds", () => {
  const [batch, ...none] = stepBatches([[pair, alone]], options);

  it("says which example every token belongs to, and which examples there are", () => {
    expect(none).toEqual([]);
    expect(listed(batch!, "tokens")).toEqual([10, 11, 12, 13, 20, 21, 30, 31, 32, 0, 0, 0]);
    expect(listed(batch!, "slots")).toEqual([0, 0, 0, 0, 1, 1, 2, 2, 2, 6, 6, 6]);
    expect(listed(batch!, "present")).toEqual([1, 1, 1, 0, 0, 0]);
    expect(batch!.feeds.present!.shape).toEqual([3, 2]);
    expect(listed(batch!, "ends")).toEqual([3, 5, 8, 0, 0, 0]);
    expect(listed(batch!, "total_units")).toEqual([2]);
  });

  it("lays columns out beside what they belong to, a token's number where the token is predicted", () => {
    expect(listed(batch!, "column#margin")).toEqual([0.5, 2, 0]);
    expect(listed(batch!, "column#score")).toEqual([1, -1, 7, 0, 0, 0]);
    expect(listed(batch!, "column#reference")).toEqual([-11, -12, -13, 0, -21, 0, -31, -32, 0, 0, 0, 0]);
    expect(listed(batch!, "targets")).toEqual([11, 12, 13, 0, 21, 0, 31, 32, 0, 0, 0, 0]);
  });

  it("counts the units of the whole step in every micro-batch of it", () => {
    const wide = { ...pair, examples: [example(10, 6, 1), example(20, 6, -1)] };
    const batches = stepBatches([[wide, pair], [alone]], options);
    expect(batches.map((one) => listed(one, "total_units"))).toEqual([[3], [3], [3]]);
    expect(batches.map((one) => listed(one, "present"))).toEqual([
      [1, 1, 0, 0, 0, 0],
      [1, 1, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
  });

  it("measures more units than a graph has room for in several stretches", () => {
    const many = Array.from({ length: 7 }, () => alone);
    const batches = [...evaluationBatches(many, options)];
    const present = batches.flatMap((one) => listed(one, "present")).filter((there) => there === 1);
    expect(present).toHaveLength(7);
    for (const one of batches) expect(listed(one, "total_units")).toEqual([7]);
  });

  it("refuses units without a column's number, or more of them than there is room for", () => {
    const { columns: _, ...bare } = alone;
    expect(() => stepBatches([[bare]], options)).toThrow("a unit has no value for its column margin");
    const noScore = { ...alone, examples: [{ ...alone.examples[0]!, columns: { reference: new Float32Array(3) } }] };
    expect(() => stepBatches([[noScore]], options)).toThrow("its column score");
    const small: RowOptions = { ...options, units: { form, capacity: 1 } };
    expect(() => stepBatches([[pair, alone]], small)).toThrow("holds 2 units of up to 2 examples, but");
    const triple = { ...alone, examples: [example(1, 2, 0), example(1, 2, 0), example(1, 2, 0)] };
    expect(() => stepBatches([[triple]], options)).toThrow("of up to 2 examples");
  });
});
