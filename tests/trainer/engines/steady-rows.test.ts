import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Shape } from "../../../shared/graph/value-type.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { steadyThreads } from "../../../trainer/engines/steady-rows.ts";

function productOf(left: Shape, right: Shape, options: { transA?: boolean; transB?: boolean } = {}) {
  const b = new GraphBuilder("product");
  return b.build({ y: b.matmul(b.input("x", "f32", left), b.input("w", "f32", right), options) });
}

describe("steadyThreads", () => {
  const rows = ["batch", "seq", 512];
  it.each([
    ["one thread anyway", productOf(rows, [512, 32]), 1, 1],
    ["few columns, which threads do not share", productOf(rows, [512, 16]), 8, 8],
    ["so many columns that each thread has enough", productOf(rows, [512, 640]), 8, 8],
    ["enough for some of the threads", productOf(rows, [512, 320]), 8, 4],
    ["columns in between", productOf(rows, [512, 32]), 2, 1],
    ["the same, transposed", productOf(rows, [32, 512], { transB: true }), 2, 1],
    ["sums that are added up in one go", productOf(["batch", "seq", 128], [128, 32]), 2, 2],
    ["no fewer rows than columns", productOf([4, 64, 512], [512, 200]), 4, 4],
    ["fewer rows than columns", productOf([2, 64, 512], [512, 200]), 4, 2],
    ["several matrices, shared out whole", productOf(["batch", 4, 2, "cached"], ["batch", 4, "cached", 32]), 4, 4],
    ["fewer matrices than threads", productOf(["batch", 4, 2, "cached"], ["batch", 4, "cached", 32]), 8, 4],
    ["columns of an unknown number", productOf(["batch", 1, 2, 256], ["batch", 1, "n", 256], { transB: true }), 2, 1],
  ])("%s", (_, graph, threads, expected) => {
    expect(steadyThreads(graph, threads, () => false)).toBe(expected);
  });

  it("does not ask it of matrices that are packed", () => {
    expect(steadyThreads(productOf(rows, [512, 32]), 8, (name) => name === "w")).toBe(8);
  });
});

describe("rows on onnxruntime", () => {
  // The kernel's own behaviour: without it the rule would not be needed, with another one it would be wrong.
  it.each([
    [32, 1],
    [32, 2],
    [33, 2],
    [64, 2],
    [100, 2],
    [176, 2],
    [1, 2],
    [2, 2],
  ])("are the same bits in products of %i columns on %i threads whatever their number", async (columns, threads) => {
    const executor = createOnnxRuntimeExecutor({ threads });
    const program = await executor.compile(productOf(["batch", "seq", 520], [520, columns]), { steadyRows: true });
    const random = createRandom(1, "rows");
    const some = (count: number) => Float32Array.from({ length: count }, () => random.normal());
    const [x, w] = [some(300 * 520), f32([520, columns], some(520 * columns))];
    const run = async (count: number) => {
      const { y } = await program.run({ x: f32([count, 1, 520], x.slice(0, count * 520)), w });
      return y!.data as Float32Array;
    };
    const all = await run(300);
    for (const count of [2, 3, 7, 32, 100]) expect(await run(count)).toEqual(all.subarray(0, count * columns));
    await program.dispose();
  });
});
