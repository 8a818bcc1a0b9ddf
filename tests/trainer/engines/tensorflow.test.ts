import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it, vi } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph } from "../../../shared/graph/graph.ts";
import { f32, i64, tensor } from "../../../shared/tensor.ts";
import { createTensorFlowExecutor } from "../../../trainer/engines/tensorflow.ts";
import { TENSORFLOW } from "../../../trainer/engines/tensorflow-ops.ts";

const executor = await createTensorFlowExecutor({ tfjsBackend: "cpu" });

/** y = relu(x · W) + 2, z = −y, with x [2, 3] to feed and W [3, 2] to bind. */
function smallGraph(): Graph {
  const b = new GraphBuilder("small");
  const y = b.add(b.relu(b.matmul(b.input("x", "f32", [2, 3]), b.input("w", "f32", [3, 2]))), 2);
  return b.build({ y, z: b.neg(y), again: y });
}

const bindings = new Map([["w", f32([3, 2], [1, 0, 0, 1, 1, -1])]]);
const feeds = { x: f32([2, 3], [1, 2, 3, -1, -2, -3]) };

describe("createTensorFlowExecutor", () => {
  it("names its device and what is missing", async () => {
    expect(executor).toMatchObject({ name: "tensorflow", backend: "cpu" });
    expect(executor.notice).toBeUndefined();
  });

  it("computes every output, each in its own memory", async () => {
    const program = await executor.compile(smallGraph(), { bindings });
    const { y, z, again } = await program.run(feeds);
    expect(y).toEqual(f32([2, 2], [6, 2, 2, 3]));
    expect(z).toEqual(f32([2, 2], [-6, -2, -2, -3]));
    expect(again).toEqual(y);
    expect(again!.data.buffer).not.toBe(y!.data.buffer);
    await program.dispose();
  });

  it("keeps no tensors between runs, and none at all once disposed", async () => {
    const before = tf.memory().numTensors;
    const program = await executor.compile(smallGraph(), { bindings });
    const compiled = tf.memory().numTensors;
    expect(compiled).toBe(before + 2);
    for (let run = 0; run < 3; run++) {
      await program.run(feeds);
      expect(tf.memory().numTensors).toBe(compiled);
    }
    await program.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("lets timers run between two runs, although it computes on the same thread", async () => {
    const program = await executor.compile(smallGraph(), { bindings });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    for (let run = 0; run < 5; run++) await program.run(feeds);
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(4);
    await program.dispose();
  });

  it("frees a value right after its last use", async () => {
    const b = new GraphBuilder("chain");
    const x = b.input("x", "f32", [4]);
    let y = b.exp(x);
    for (let i = 0; i < 20; i++) y = b.neg(y);
    const program = await executor.compile(b.build({ y }));
    const counts: number[] = [];
    const before = tf.memory().numTensors;
    const neg = vi.spyOn(TENSORFLOW, "neg").mockImplementation(({ inputs: [value] }) => {
      counts.push(tf.memory().numTensors - before);
      return tf.neg(value!);
    });
    await program.run({ x: f32([4], [1, 2, 3, 4]) });
    neg.mockRestore();
    expect(new Set(counts)).toEqual(new Set([1]));
    await program.dispose();
  });

  it("frees its tensors if a run fails midway", async () => {
    const b = new GraphBuilder("lookup");
    const row = b.gather(b.exp(b.input("table", "f32", [2, 3])), b.input("index", "i64", [1]));
    const program = await executor.compile(b.build({ y: b.neg(row) }));
    const before = tf.memory().numTensors;
    const table = f32([2, 3], [1, 2, 3, 4, 5, 6]);
    await expect(program.run({ table, index: i64([1], [9]) })).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
    await program.dispose();
  });

  it("returns a copy of an input that is also an output", async () => {
    const b = new GraphBuilder("pass");
    const x = b.input("x", "f32", [2]);
    const program = await executor.compile(b.build({ x, reshaped: b.reshape(x, [2, 1]) }));
    const fed = f32([2], [1, 2]);
    const { x: passed, reshaped } = await program.run({ x: fed });
    (passed!.data as Float32Array).fill(7);
    (reshaped!.data as Float32Array).fill(8);
    expect(fed.data).toEqual(Float32Array.of(1, 2));
    await program.dispose();
  });

  it("runs named dimensions at any size", async () => {
    const b = new GraphBuilder("symbolic");
    const x = b.input("x", "f32", ["batch", 2, "seq"]);
    const flat = b.reshape(b.slice(x, 2, -1), ["batch", 2]);
    const program = await executor.compile(b.build({ y: b.mul(flat, 2) }));
    const { y } = await program.run({ x: f32([1, 2, 3], [1, 2, 3, 4, 5, 6]) });
    expect(y).toEqual(f32([1, 2], [6, 12]));
    const { y: wider } = await program.run({ x: f32([2, 2, 1], [1, 2, 3, 4]) });
    expect(wider).toEqual(f32([2, 2], [2, 4, 6, 8]));
    await program.dispose();
  });

  it("keeps two backends apart when their programs run at the same time", async () => {
    const wasm = await createTensorFlowExecutor({ tfjsBackend: "wasm" });
    const programs = await Promise.all([executor, wasm].map((one) => one.compile(smallGraph(), { bindings })));
    const results = await Promise.all([...programs, ...programs].map((program) => program.run(feeds)));
    for (const { y } of results) expect(y).toEqual(f32([2, 2], [6, 2, 2, 3]));
    await Promise.all(programs.map((program) => program.dispose()));
  });

  it("rejects 64-bit floats, naming the value and the remedy", async () => {
    const b = new GraphBuilder("exact");
    const x = b.input("x", "f64", [2]);
    await expect(executor.compile(b.build({ y: b.neg(x) }))).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_graph",
        message: "exact: %0 is f64. TensorFlow.js has no 64-bit floats: cast to f32, or use onnxruntime",
      }),
    );
  });

  it("rejects integers that do not fit in 32 bits", async () => {
    const b = new GraphBuilder("wide");
    const program = await executor.compile(b.build({ y: b.neg(b.input("n", "i64", [2])) }));
    expect((await program.run({ n: i64([2], [-(2 ** 31) + 1, 2 ** 31 - 1]) })).y).toEqual(
      i64([2], [2 ** 31 - 1, -(2 ** 31) + 1]),
    );
    await expect(program.run({ n: i64([2], [1, 2 ** 31]) })).rejects.toThrow(
      "n holds 2147483648, but TensorFlow.js has 32-bit integers only",
    );
    await program.dispose();
  });

  it("rejects a bad graph, binding or feed before anything runs", async () => {
    const graph = smallGraph();
    const broken = { ...graph, nodes: graph.nodes.toReversed() };
    await expect(executor.compile(broken)).rejects.toThrow(/^small: node 0 .* before it is defined$/);
    const wrong = new Map([["w", f32([2, 3], [1, 2, 3, 4, 5, 6])]]);
    await expect(executor.compile(graph, { bindings: wrong })).rejects.toThrow(
      "input w of small is f32[3, 2], but was given f32[2, 3]",
    );
    const program = await executor.compile(graph, { bindings });
    await expect(program.run({})).rejects.toThrow("small needs a tensor for its input x");
    await expect(program.run({ x: tensor("f64", [2, 3], new Float64Array(6)) })).rejects.toThrow("was given f64[2, 3]");
    await program.dispose();
  });
});
