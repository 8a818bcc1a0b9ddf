import { describe, expect, test } from "vitest";
import { createBatches, type DataBatch, evaluationBatches, type RowOptions } from "../../../trainer/data/batches.ts";
import type { TokenizedExample } from "../../../trainer/data/examples.ts";
import { createStepPlan } from "../../../trainer/data/step-plan.ts";
import { unitsOf } from "../../../trainer/data/units.ts";

/** An example of the ids `first`, `first` + 1, …, of which the last `trained` are trained on. */
function example(first: number, length: number, trained: number): TokenizedExample {
  const ids = Int32Array.from({ length }, (_, at) => first + at);
  return { ids, labels: ids.map((id, at) => (at >= length - trained ? id : -100)) };
}

const options: RowOptions = { shape: { rows: 2, tokens: 8 }, packing: true, padId: 9 };
const oneRow: RowOptions = { ...options, shape: { rows: 1, tokens: 8 } };
const many = Array.from({ length: 40 }, (_, index) => example(100 * (index + 1), 1 + ((index * 3) % 7) + 1, 1));

const rowsOf = ({ feeds }: DataBatch, name: keyof DataBatch["feeds"]) => {
  const { data, shape } = feeds[name]!;
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) => Array.from(data.slice(row * width, (row + 1) * width), Number));
};

describe("one row", () => {
  const [batch] = evaluationBatches(unitsOf([example(10, 5, 2), example(50, 2, 1)]), oneRow);

  test("tokens, positions and segments", () => {
    expect(rowsOf(batch!, "tokens")).toEqual([[10, 11, 12, 13, 14, 50, 51, 9]]);
    expect(rowsOf(batch!, "positions")).toEqual([[0, 1, 2, 3, 4, 0, 1, 0]]);
    expect(rowsOf(batch!, "segments")).toEqual([[1, 1, 1, 1, 1, 2, 2, 0]]);
  });

  test("the target is the next token of the same example, where it is trained", () => {
    expect(rowsOf(batch!, "targets")).toEqual([[0, 0, 13, 14, 0, 51, 0, 0]]);
    expect(rowsOf(batch!, "weights")).toEqual([[0, 0, 1, 1, 0, 1, 0, 0]]);
    expect(batch!.trainedTokens).toBe(3);
    expect(batch!.feeds.total).toMatchObject({ shape: [], data: Float32Array.of(3) });
  });

  test("dtypes and shapes are what the training graph takes", () => {
    const described = Object.entries(batch!.feeds).map(([name, { dtype, shape }]) => [name, dtype, shape]);
    expect(described).toEqual([
      ["tokens", "i64", [1, 8]],
      ["positions", "i64", [1, 8]],
      ["segments", "i32", [1, 8]],
      ["targets", "i64", [1, 8]],
      ["weights", "f32", [1, 8]],
      ["total", "f32", []],
    ]);
  });

  test("a label on the first token is predicted by nothing", () => {
    const [only] = evaluationBatches(unitsOf([example(10, 3, 3)]), oneRow);
    expect(rowsOf(only!, "weights")).toEqual([[1, 1, 0, 0, 0, 0, 0, 0]]);
    expect(only!.trainedTokens).toBe(2);
  });
});

describe("steps", () => {
  const plan = createStepPlan({ examples: many.length, batchSize: 6, accumulation: 2, seed: 1 });
  const step = createBatches(unitsOf(many), plan, options);

  test("hold the examples of the plan's step, packed or not", () => {
    for (const packing of [true, false]) {
      const batches = createBatches(unitsOf(many), plan, { ...options, packing })(2);
      const firsts = batches.flatMap(({ feeds }) =>
        Array.from(feeds.tokens.data, Number).filter((id, at) => id % 100 === 0 && feeds.segments.data[at]! > 0),
      );
      const planned = plan.groups(2).flat();
      expect(firsts.sort((a, b) => a - b)).toEqual(planned.map((index) => 100 * (index + 1)).sort((a, b) => a - b));
      if (!packing) expect(batches).toHaveLength(plan.groups(2).reduce((sum, g) => sum + Math.ceil(g.length / 2), 0));
    }
  });

  test("are the same whenever they are asked for", () => {
    const again = createBatches(unitsOf(many), plan, options);
    for (const asked of [9, 0, 5, 9, 1]) expect(again(asked)).toEqual(step(asked));
  });

  test("`total` is that of the step's micro-batches together", () => {
    for (let asked = 0; asked < plan.stepsPerEpoch; asked++) {
      const micro = step(asked);
      const total = micro.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0);
      for (const { feeds } of micro) expect(feeds.total.data[0]).toBe(total);
      expect(total).toBe(plan.groups(asked).flat().length);
    }
  });

  test("the last micro-batch of a group is padded with rows of nothing", () => {
    const three = Array.from({ length: 3 }, (_, index) => example(100 * (index + 1), 8, 1));
    const all = createStepPlan({ examples: 3, batchSize: 3, accumulation: 1, seed: 1 });
    const [full, rest, ...none] = createBatches(unitsOf(three), all, options)(0);
    expect(rowsOf(full!, "segments")).toEqual([Array(8).fill(1), Array(8).fill(1)]);
    expect(rowsOf(rest!, "segments")).toEqual([Array(8).fill(1), Array(8).fill(0)]);
    expect(rowsOf(rest!, "tokens")[1]).toEqual(Array(8).fill(9));
    expect(none).toEqual([]);
  });
});

describe("evaluation", () => {
  test("sees every example once, and the totals are those of all", () => {
    const batches = evaluationBatches(unitsOf(many), options);
    for (const _ of [1, 2]) {
      const seen = [...batches];
      expect(seen.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0)).toBe(many.length);
      for (const { feeds } of seen) expect(feeds.total.data[0]).toBe(many.length);
    }
  });
});

test("an example that does not fit is a mistake of the caller's", () => {
  expect(() => evaluationBatches(unitsOf([example(1, 9, 1)]), options)).toThrow("cannot make batches of 8 tokens");
  expect(() => evaluationBatches([], options)).toThrow("from 0 examples");
});
