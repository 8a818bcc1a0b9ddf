import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { stagesOf } from "../../../shared/graph/stages.ts";
import { verify } from "../../../shared/graph/verify.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

/** y = (x · 2w + early + late) · 2w + x · 2w, and z = 2 (x · 2w + early); `late` is complete only before stage 1. */
function example() {
  const b = new GraphBuilder("example");
  const x = b.input("x", "f32", [2, 2]);
  const w = b.input("w", "f32", [2, 2]);
  const early = b.input("early", "f32", [2, 2]);
  const late = b.input("late", "f32", [2, 2]);
  b.input("unused", "f32", []);
  // Needs nothing but what is complete from the start, and both stages use it.
  const doubled = b.mul(w, 2);
  const first = b.matmul(x, doubled);
  const sum = b.add(first, early);
  const y = b.add(b.matmul(b.add(sum, late), doubled), first);
  return b.build({ z: b.mul(sum, 2), y });
}
const startsAt = (input: string) => ({ x: 0, late: 1 })[input];
const namesOf = (named: readonly { name: string }[]) => named.map(({ name }) => name);

describe("stagesOf", () => {
  it("gives each node to the latest stage of its inputs, and what depends on none to all that use it", () => {
    const [first, second, ...rest] = stagesOf(example(), startsAt);
    expect(rest).toEqual([]);
    expect(namesOf(first!.inputs)).toEqual(["x", "w", "early"]);
    expect(first!.nodes.map(({ op }) => op)).toEqual(["mul", "matmul", "add", "mul"]);
    const [z, ...carried] = namesOf(first!.outputs);
    expect([z, carried.length]).toEqual(["z", 2]);
    expect(namesOf(second!.inputs).sort()).toEqual([...carried, "late", "w"].sort());
    expect(second!.nodes.map(({ op }) => op)).toEqual(["mul", "add", "matmul", "add"]);
    expect(namesOf(second!.outputs)).toEqual(["y"]);
    for (const stage of [first!, second!]) verify(stage);
  });

  it("leaves a graph whole in which nothing is late", () => {
    const graph = example();
    const [only, ...rest] = stagesOf(graph, () => undefined);
    expect(rest).toEqual([]);
    expect(only!.nodes).toEqual(graph.nodes);
    expect(namesOf(only!.outputs)).toEqual(["z", "y"]);
  });

  it("computes what the whole graph does", async () => {
    const executor = createOnnxRuntimeExecutor({ threads: 1 });
    const graph = example();
    const given: Record<string, Tensor> = Object.fromEntries(
      ["x", "w", "early", "late"].map((name, i) => [name, f32([2, 2], [i, 1.5, -i, 0.25 + i])]),
    );
    const run = async (part: typeof graph, known: Record<string, Tensor>) => {
      const program = await executor.compile(part);
      const feeds = Object.fromEntries(part.inputs.map(({ name }) => [name, known[name] ?? f32([], [0])]));
      const outputs = await program.run(feeds);
      await program.dispose();
      return outputs;
    };
    const whole = await run(graph, given);
    let known = given;
    for (const stage of stagesOf(graph, startsAt)) known = { ...known, ...(await run(stage, known)) };
    expect([known.y, known.z]).toEqual([whole.y, whole.z]);
  });
});
