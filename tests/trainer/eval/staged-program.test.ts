import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { StagedProgram } from "../../../trainer/eval/staged-program.ts";
import { countingExecutor } from "../loop/counting-executor.ts";

/** `next` = x·w goes to a cache, whose first two positions are then added to x·w. */
function example() {
  const b = new GraphBuilder("example");
  const x = b.input("x", "f32", [1, 1, 1, 2]);
  const next = b.mul(x, b.input("w", "f32", [2]));
  const past = b.input("past", "f32", [1, 1, 2, 2]);
  return b.build({ next, sum: b.add(b.reduceSum(past, [2], true), next) });
}
const startsAt = (input: string) => ({ x: 0, past: 1 })[input];

describe("StagedProgram", () => {
  it("lets a stage read what the ones before it appended", async () => {
    const executor = createOnnxRuntimeExecutor({ threads: 1 });
    const program = await StagedProgram.compile(executor, example(), { bindings: new Map(), startsAt });
    const cache = await executor.createCache({ slots: 1, heads: 1, capacity: 2, width: 2 });
    const window = { cache, first: 0, count: 1 };
    const step = async (x: readonly number[], at: number) => {
      const outputs = await program.run({ x: f32([1, 1, 1, 2], x), past: window }, { next: { window, at: [at] } });
      expect(outputs.next).toBeUndefined();
      return [...(outputs.sum!.data as Float32Array)];
    };
    await program.hold(new Map([["w", f32([2], [1, 10])]]));
    expect(await step([1, 2], 0)).toEqual([2, 40]);
    expect(await step([3, 4], 1)).toEqual([7, 100]);
    // Values that no stage has are none of its business.
    await program.hold(
      new Map([
        ["w", f32([2], [0, 0])],
        ["other", f32([], [0])],
      ]),
    );
    expect(await step([9, 9], 1)).toEqual([1, 20]);
    await Promise.all([program.dispose(), cache.dispose()]);
  });

  it("binds each stage's own inputs and disposes of all", async () => {
    const { executor, compiled, open } = countingExecutor();
    const bindings = new Map([
      ["w", f32([2], [1, 1])],
      ["elsewhere", f32([], [0])],
    ]);
    const program = await StagedProgram.compile(executor, example(), { bindings, startsAt });
    expect(compiled).toEqual(["example.0", "example.1"]);
    expect(open()).toBe(2);
    await program.dispose();
    expect(open()).toBe(0);
  });
});
