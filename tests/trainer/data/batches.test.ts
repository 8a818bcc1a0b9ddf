import { describe, expect, test } from "vitest";
import { type BatchOptions, createBatches, type DataBatch } from "../../../trainer/data/batches.ts";
import type { TokenizedExample } from "../../../trainer/data/examples.ts";

/** An example of the ids `first`, `first` + 1, …, of which the last `learnt` are labelled. */
function example(first: number, length: number, learnt: number): TokenizedExample {
  const ids = Int32Array.from({ length }, (_, at) => first + at);
  return { ids, labels: ids.map((id, at) => (at >= length - learnt ? id : -100)) };
}

const options: BatchOptions = { rows: 2, tokens: 8, accumulation: 2, packing: true, padId: 9, seed: 1 };
const many = Array.from({ length: 40 }, (_, index) => example(100 * (index + 1), 1 + ((index * 3) % 7) + 1, 1));

const rowsOf = ({ feeds }: DataBatch, name: keyof DataBatch["feeds"]) => {
  const { data, shape } = feeds[name]!;
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) => Array.from(data.slice(row * width, (row + 1) * width), Number));
};

describe("one row", () => {
  const { evaluation } = createBatches([example(10, 5, 2), example(50, 2, 1)], { ...options, rows: 1 });
  const [batch] = evaluation();

  test("tokens, positions and segments", () => {
    expect(rowsOf(batch!, "tokens")).toEqual([[10, 11, 12, 13, 14, 50, 51, 9]]);
    expect(rowsOf(batch!, "positions")).toEqual([[0, 1, 2, 3, 4, 0, 1, 0]]);
    expect(rowsOf(batch!, "segments")).toEqual([[1, 1, 1, 1, 1, 2, 2, 0]]);
  });

  test("the target is the next token of the same example, where it is labelled", () => {
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
    const [only] = createBatches([example(10, 3, 3)], { ...options, rows: 1 }).evaluation();
    expect(rowsOf(only!, "weights")).toEqual([[1, 1, 0, 0, 0, 0, 0, 0]]);
    expect(only!.trainedTokens).toBe(2);
  });
});

describe("epochs", () => {
  const batches = createBatches(many, options);
  /** The first id of each example, in the order in which an epoch shows them. */
  const firsts = (epoch: number) =>
    Array.from({ length: batches.stepsPerEpoch }, (_, step) => batches.step(epoch * batches.stepsPerEpoch + step))
      .flat()
      .flatMap(({ feeds }) =>
        Array.from(feeds.tokens.data, Number).filter((id, at) => id % 100 === 0 && feeds.segments.data[at]! > 0),
      );

  test("each epoch holds every example once, in another order", () => {
    const epochs = [0, 1, 2].map(firsts);
    const all = many.map((one) => one.ids[0]!);
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(all);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[1]).not.toEqual(epochs[2]);
  });

  test("a step is a function of its number: a resumed run, asking in any order, sees the same bytes", () => {
    const again = createBatches(many, options);
    const last = 3 * batches.stepsPerEpoch - 1;
    for (const step of [last, 0, 5, last, 1]) expect(again.step(step)).toEqual(batches.step(step));
    expect(createBatches(many, { ...options, seed: 2 }).step(0)).not.toEqual(batches.step(0));
  });

  test("`total` is that of the step's micro-batches together", () => {
    for (let step = 0; step < batches.stepsPerEpoch; step++) {
      const micro = batches.step(step);
      const total = micro.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0);
      for (const { feeds } of micro) expect(feeds.total.data[0]).toBe(total);
      expect(total).toBeGreaterThan(0);
    }
  });

  test("the last step of an epoch is padded with rows of nothing, never with empty micro-batches", () => {
    const five = Array.from({ length: 5 }, (_, index) => example(100 * (index + 1), 8, 1));
    const { step, rowCount, stepsPerEpoch } = createBatches(five, options);
    expect([rowCount, stepsPerEpoch]).toEqual([5, 2]);
    expect(step(0)).toHaveLength(2);
    const [rest, ...none] = step(1);
    expect(none).toEqual([]);
    expect(rowsOf(rest!, "segments")).toEqual([Array(8).fill(1), Array(8).fill(0)]);
    expect(rowsOf(rest!, "tokens")[1]).toEqual(Array(8).fill(9));
  });

  test("without packing each example has a row to itself", () => {
    const { rowCount, evaluation } = createBatches(many, { ...options, packing: false });
    expect(rowCount).toBe(many.length);
    expect(Math.max(...evaluation().flatMap((batch) => [...batch.feeds.segments.data]))).toBe(1);
    expect(createBatches(many, options).rowCount).toBeLessThan(many.length * 0.8);
  });

  test("evaluation sees every row once, and the totals are those of all", () => {
    const seen = batches.evaluation();
    expect(seen.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0)).toBe(many.length);
    for (const { feeds } of seen) expect(feeds.total.data[0]).toBe(many.length);
  });

  test("an example that does not fit is a mistake of the caller's", () => {
    expect(() => createBatches([example(1, 9, 1)], options)).toThrow("cannot make batches of 8 tokens");
    expect(() => createBatches([], options)).toThrow("from 0 examples");
  });
});
