import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import type { Executor } from "../../../trainer/engines/executor.ts";
import { encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import { createProgramCache } from "../../../trainer/loop/program-cache.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { countingExecutor } from "./counting-executor.ts";
import { largePlan, memoryStore } from "./large-regression.ts";
import { microBatch, PARAMETERS, regressionGraph, regressionPlan, START } from "./regression.ts";

const start = initialState(PARAMETERS, START);

describe("a program cache", { timeout: 30_000 }, () => {
  it("lets one plan be trained again and again, compiled once, with the bytes of separate runs", async () => {
    const { executor, compiled, open } = countingExecutor();
    const cache = createProgramCache(executor);
    const plan = regressionPlan(4);
    let state = start;
    for (const until of [1, 3, 6]) state = await train(cache, plan, state, { until });
    expect(compiled).toEqual(["regression", "adamw"]);
    expect(open()).toBe(2);
    await cache.dispose();
    expect(open()).toBe(0);
    const alone = await train(executor, plan, start);
    expect(encodeCheckpoint(state, "run")).toEqual(encodeCheckpoint(alone, "run"));
  });

  it("keeps the programs of several plans and shapes, and shares the update that they have in common", async () => {
    const { executor, compiled } = countingExecutor();
    const cache = createProgramCache(executor);
    const wide = regressionPlan(8);
    const narrow = { ...regressionPlan(2), optimizer: wide.optimizer };
    for (const plan of [wide, narrow, wide, narrow]) await train(cache, plan, start, { until: 1 });
    expect(compiled).toEqual(["regression", "adamw", "regression"]);
    await cache.dispose();
  });

  it("keeps as many programs as it may, and disposes the one that was asked for the longest time ago", async () => {
    const { executor, compiled, open } = countingExecutor();
    const cache = createProgramCache(executor, { most: 3 });
    const wide = regressionPlan(8);
    const [narrow, narrowest] = [2, 1].map((rows) => ({ ...regressionPlan(rows), optimizer: wide.optimizer }));
    for (const plan of [wide, narrow!, wide, narrowest!, wide]) await train(cache, plan, start, { until: 1 });
    expect(open()).toBe(3);
    expect(compiled).toEqual(["regression", "adamw", "regression", "regression"]);
    await train(cache, narrow!, start, { until: 1 });
    expect(compiled).toHaveLength(5);
    expect(open()).toBe(3);
    await cache.dispose();
    expect(open()).toBe(0);
  });

  it("keeps more than that while all of them are small enough together", async () => {
    const { executor, open } = countingExecutor();
    const sizes = new Map([8, 2, 1, 3].map((rows, i) => [regressionGraph(rows), [1, 3, 2, 5][i]!]));
    const [...graphs] = sizes.keys();
    const sizeOf = ({ graph }: { graph: (typeof graphs)[number] }) => sizes.get(graph)!;
    const cache = createProgramCache(executor, { most: 2, room: { total: 6, sizeOf } });
    for (const graph of graphs.slice(0, 3)) await cache.compile(graph);
    expect(open()).toBe(3);
    // 11 in all: the oldest go until two are left, whatever their size.
    await cache.compile(graphs[3]!);
    expect(open()).toBe(2);
    await cache.compile(graphs[0]!);
    expect(open()).toBe(2);
    await cache.dispose();
    expect(open()).toBe(0);
  });

  it("keeps the three programs of a paged update", async () => {
    const { executor, compiled } = countingExecutor();
    const cache = createProgramCache(executor);
    const parameters = [100_000, 3].map((size, i) => ({ name: `p${i}`, shape: [size], decay: true }));
    const plan = largePlan(parameters, { paging: { store: memoryStore(200_000), memoryLimit: 0 } });
    const values = new Map(parameters.map(({ name, shape }) => [name, f32(shape, new Float32Array(shape[0]!))]));
    for (const until of [1, 2]) await train(cache, plan, initialState(parameters, values), { until });
    expect(compiled).toEqual(["large", "gradient_norm", "adamw_part", "adamw_page"]);
    await cache.dispose();
  });

  it("keeps the values that one user holds out of another's runs", async () => {
    const { executor, compiled, open } = countingExecutor();
    const cache = createProgramCache(executor);
    const graph = regressionGraph(8);
    const [holder, other] = [await cache.compile(graph), await cache.compile(graph)];
    await holder.hold({ scale: f32([], [5]) });
    const zeros = { "slope#grad": f32([2, 1], [0, 0]), "offset#grad": f32([], [0]) };
    const { feeds } = microBatch(
      Array.from({ length: 8 }, () => [1, 1, 1] as const),
      8,
    );
    const all = { ...feeds, ...zeros, ...Object.fromEntries(START) };
    const lossOf = ({ loss }: Awaited<ReturnType<typeof other.run>>) => Number(loss!.data[0]);
    const held = lossOf(await holder.run(all));
    const fed = lossOf(await other.run({ ...all, scale: f32([], [1]) }));
    expect(held).not.toBe(fed);
    expect(held).toBe(lossOf(await other.run({ ...all, scale: f32([], [5]) })));
    expect(compiled).toEqual(["regression", "regression"]);
    await cache.dispose();
    expect(open()).toBe(0);
  });

  it("compiles anew for other tensors bound to the same graph", async () => {
    const { executor, compiled } = countingExecutor();
    const cache = createProgramCache(executor);
    const graph = regressionGraph(8);
    const scale = f32([], [1]);
    const lossAt = async (bound: typeof scale) => {
      const program = await cache.compile(graph, { bindings: new Map([["scale", bound]]) });
      const zeros = { "slope#grad": f32([2, 1], [0, 0]), "offset#grad": f32([], [0]) };
      const { feeds } = microBatch(
        Array.from({ length: 8 }, () => [1, 1, 1] as const),
        8,
      );
      return (await program.run({ ...feeds, ...Object.fromEntries(START), ...zeros })).loss!.data[0];
    };
    expect(await lossAt(scale)).toBe(await lossAt(scale));
    expect(await lossAt(f32([], [5]))).not.toBe(await lossAt(scale));
    expect(compiled).toHaveLength(2);
    await cache.dispose();
  });

  it("forgets what could not be compiled, and compiles nothing once it is disposed", async () => {
    const { executor } = countingExecutor();
    let attempts = 0;
    const failing: Executor = {
      ...executor,
      compile: (graph, options) =>
        ++attempts === 1 ? Promise.reject(new Error("no room")) : executor.compile(graph, options),
    };
    const cache = createProgramCache(failing);
    await expect(train(cache, regressionPlan(8), start)).rejects.toThrow("no room");
    expect((await train(cache, regressionPlan(8), start)).step).toBe(6);
    await cache.dispose();
    await expect(cache.compile(regressionGraph(8))).rejects.toThrow("its cache is disposed");
  });
});
