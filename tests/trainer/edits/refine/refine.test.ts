/** Changes that are improved as a whole, on a tiny model; its graph is held to finite differences in float64. */
import { afterAll, expect, it } from "vitest";
import { matrix, sizes } from "../../../../shared/linalg/matrix.ts";
import { createRandom } from "../../../../shared/random.ts";
import { type Tensor, tensor } from "../../../../shared/tensor.ts";
import type { Factors } from "../../../../trainer/edits/edit-model.ts";
import { textFeeds } from "../../../../trainer/edits/refine/lay-out.ts";
import { refineChanges } from "../../../../trainer/edits/refine/refine.ts";
import { factorNames, refineGraph } from "../../../../trainer/edits/refine/refine-graph.ts";
import { createOnnxRuntimeExecutor } from "../../../../trainer/engines/onnxruntime.ts";
import { float64Executor } from "../../../support/float64-executor.ts";
import { editGolden } from "../golden.ts";

const golden = editGolden("llama");
const { config, json } = golden;
const layer = json.layers[0]!;
const [width, inner] = [config.hiddenSize, config.ffnSize];
const facts = golden.facts(json.batch);
const kept = json.text.map((ids) => Int32Array.from(ids));
const executor = createOnnxRuntimeExecutor({ threads: 1 });
const model = golden.model(executor);
afterAll(() => model.dispose());

function factors(rank: number, size: number): Factors {
  const { normal } = createRandom(1, "factors");
  const drawn = (rows: number, columns: number) =>
    matrix(
      rows,
      columns,
      Float64Array.from({ length: rows * columns }, () => size * normal()),
    );
  return { a: drawn(inner, rank), b: drawn(rank, width) };
}

const options = { kept, padId: 0, seed: 1, steps: 12 as number | "auto" };

it("makes targets likelier at the same rank, and leaves the model as it is", async () => {
  const before = model.weight(layer);
  const start = new Map([[layer, factors(3, 0.05)]]);
  const losses: number[] = [];
  const refined = await refineChanges(model, facts, start, {
    ...{ ...options, steps: 40, onStep: (done, of) => void losses.push(done / of) },
  });
  expect(sizes(refined.get(layer)!.a)).toEqual([inner, 3]);
  expect(losses.at(-1)).toBe(1);
  expect(model.weight(layer)).toEqual(before);
  expect(await targetLoss(refined.get(layer)!)).toBeLessThan((await targetLoss(start.get(layer)!)) - 0.05);
});

it("gives the same factors again, and others for another seed", async () => {
  const start = new Map([[layer, factors(2, 0.05)]]);
  const once = await refineChanges(model, facts, start, options);
  expect(await refineChanges(model, facts, start, options)).toEqual(once);
  expect(await refineChanges(model, facts, start, { ...options, seed: 2 })).not.toEqual(once);
});

const SHAPE = { rows: 2, tokens: 12, picks: 4, kept: 3 };
const names = factorNames(layer);
const parametersOf = ({ a, b }: Factors) => [
  { name: names.a, shape: a.shape, decay: false },
  { name: names.b, shape: b.shape, decay: false },
];

it("minimises the targets' loss and the divergence on kept places, with the gradient that finite differences give", async () => {
  const change = factors(2, 0.3);
  const graph = refineGraph({ config, shape: SHAPE, parameters: parametersOf(change), keep: 2 });
  const program = await float64Executor.compile(graph, { bindings: golden.weights });
  const doubles = (shape: readonly number[], data: Float64Array) =>
    tensor("f32", shape, data as unknown as Float32Array);
  const i64 = (shape: readonly number[], data: readonly number[]) =>
    tensor("i64", shape, BigInt64Array.from(data, BigInt));
  const { normal } = createRandom(2, "states");
  const text = (ids: readonly number[]) => ({ ids: Int32Array.from(ids) });
  const placed = [
    { text: text(kept[0]!.length > 8 ? [...kept[0]!.slice(0, 8)] : [...kept[0]!]), start: 0 },
    { text: text([3, 4, 5, 6, 7]), start: 12 },
  ];
  const feeds = {
    ...textFeeds(placed, SHAPE, 0),
    felt: doubles(
      [2, 12, 1],
      Float64Array.from({ length: 24 }, (_, at) => (at < 12 ? (at === 2 ? 1 : 0) : 1)),
    ),
    picks: i64([4], [3, 4, 0, 0]),
    targets: i64([4, 1], [5, 6, 0, 0]),
    pick_weights: doubles([4, 1], Float64Array.from([0.5, 0.5, 0, 0])),
    kept: i64([3], [12, 14, 12]),
    states: doubles(
      [3, width],
      Float64Array.from({ length: 3 * width }, () => normal()),
    ),
    kept_weights: doubles([3, 1], Float64Array.from([0.5, 0.5, 0])),
    [`${names.a}#grad`]: doubles(change.a.shape, new Float64Array(change.a.data.length)),
    [`${names.b}#grad`]: doubles(change.b.shape, new Float64Array(change.b.data.length)),
  };
  const run = async (a: Float64Array, b: Float64Array) =>
    program.run({ ...feeds, [names.a]: doubles(change.a.shape, a), [names.b]: doubles(change.b.shape, b) });
  const outputs = await run(change.a.data, change.b.data);
  const number = (name: string, at = 0, of: Readonly<Record<string, Tensor>> = outputs) => Number(of[name]!.data[at]);
  expect(number("loss")).toBeCloseTo(number("nll") + 2 * number("moved"), 10);
  expect(number("moved")).toBeGreaterThan(0);
  const h = 1e-5;
  for (const [name, at] of [
    [names.a, 0],
    [names.a, 17],
    [names.b, 1],
    [names.b, width + 3],
  ] as const) {
    const moved = async (by: number) => {
      const [a, b] = [change.a.data.slice(), change.b.data.slice()];
      (name === names.a ? a : b)[at]! += by;
      return number("loss", 0, await run(a, b));
    };
    const numerical = ((await moved(h)) - (await moved(-h))) / (2 * h);
    expect(number(`${name}#grad`, at)).toBeCloseTo(numerical, 7);
  }
});

/** Mean −log p of the facts' targets behind their bare prompts. */
async function targetLoss(change: Factors): Promise<number> {
  const ends = facts.map(({ contexts, target }) => [...contexts[0]!.ids, ...target]);
  const tokens = Math.max(...ends.map(({ length }) => length));
  const shape = { rows: facts.length, tokens, picks: facts.length * 8, kept: 1 };
  const graph = refineGraph({ config, shape, parameters: parametersOf(change), keep: 0 });
  const program = await executor.compile(graph, { bindings: golden.weights });
  const placed = ends.map((ids, row) => ({ text: { ids: Int32Array.from(ids) }, start: row * tokens }));
  const [picks, targets, weights] = [
    new Int32Array(shape.picks),
    new Int32Array(shape.picks),
    new Float32Array(shape.picks),
  ];
  let pick = 0;
  for (const [row, { target }] of facts.entries()) {
    for (const [at, id] of target.entries()) {
      picks[pick] = row * tokens + ends[row]!.length - target.length + at - 1;
      targets[pick] = id;
      weights[pick++] = 1 / (facts.length * target.length);
    }
  }
  const f = (own: readonly number[], data: ArrayLike<number>) => tensor("f32", own, Float32Array.from(data));
  const i = (own: readonly number[], data: Int32Array) => tensor("i64", own, BigInt64Array.from([...data], BigInt));
  const size = shape.rows * tokens;
  const outputs = await program.run({
    ...textFeeds(placed, shape, 0),
    ...{ felt: f([shape.rows, tokens, 1], new Float32Array(size).fill(1)), picks: i([shape.picks], picks) },
    ...{ targets: i([shape.picks, 1], targets), pick_weights: f([shape.picks, 1], weights) },
    ...{
      kept: i([1], new Int32Array(1)),
      states: f([1, width], new Float32Array(width)),
      kept_weights: f([1, 1], [0]),
    },
    [names.a]: f(change.a.shape, change.a.data),
    [names.b]: f(change.b.shape, change.b.data),
    [`${names.a}#grad`]: f(change.a.shape, new Float32Array(change.a.data.length)),
    [`${names.b}#grad`]: f(change.b.shape, new Float32Array(change.b.data.length)),
  });
  await program.dispose();
  return Number(outputs.nll!.data[0]);
}
