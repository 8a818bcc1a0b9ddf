import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Graph, Value } from "../../../shared/graph/graph.ts";
import { ENCODE, encodeOnnx } from "../../../shared/graph/onnx.ts";
import { ARITY } from "../../../shared/graph/ops.ts";
import { f32, type Tensor } from "../../../shared/tensor.ts";

type Numbers = readonly (readonly number[] | { readonly shape: readonly number[]; readonly data: readonly number[] })[];

/** Loads the model in onnxruntime and runs it on f32 inputs, given in the model's order. */
async function run(graph: Graph, inputs: Numbers, bindings?: ReadonlyMap<string, Tensor>) {
  const session = await InferenceSession.create(encodeOnnx(graph, bindings), { logSeverityLevel: 3 });
  const feeds = session.inputNames.map((name, i): [string, OrtTensor] => {
    const input = inputs[i]!;
    const { shape, data } = "shape" in input ? input : { shape: [input.length], data: input };
    return [name, new OrtTensor("float32", Float32Array.from(data), [...shape])];
  });
  const results = await session.run(Object.fromEntries(feeds));
  const outputs = session.outputNames.map((name) => ({
    name,
    shape: results[name]!.dims,
    data: [...results[name]!.data].map(Number),
  }));
  await session.release();
  return { inputs: session.inputNames, outputs };
}

const graphOf = (build: (b: GraphBuilder) => Record<string, Value>): Graph => {
  const b = new GraphBuilder("g");
  return b.build(build(b));
};

describe("encodeOnnx", () => {
  it("has a row for every op", () => {
    expect(Object.keys(ENCODE).sort()).toEqual(Object.keys(ARITY).sort());
  });

  it("keeps named dimensions symbolic, so that one model runs at every size", async () => {
    const graph = graphOf((b) => {
      const x = b.input("x", "f32", ["batch", "seq", 4]);
      const last = b.reshape(b.slice(x, 1, -1), ["batch", 4]);
      const heads = b.transpose(b.reshape(x, ["batch", "seq", 2, 2]), [0, 2, 1, 3]);
      const wide = b.expand(last, [2, "batch", 4]);
      return { last, heads, wide };
    });
    const ramp = (length: number) => Array.from({ length }, (_, i) => i);
    const one = await run(graph, [{ shape: [1, 2, 4], data: ramp(8) }]);
    expect(one.outputs).toEqual([
      { name: "last", shape: [1, 4], data: [4, 5, 6, 7] },
      { name: "heads", shape: [1, 2, 2, 2], data: [0, 1, 4, 5, 2, 3, 6, 7] },
      { name: "wide", shape: [2, 1, 4], data: [4, 5, 6, 7, 4, 5, 6, 7] },
    ]);
    const two = await run(graph, [{ shape: [2, 1, 4], data: ramp(8) }]);
    expect(two.outputs[0]).toEqual({ name: "last", shape: [2, 4], data: ramp(8) });
  });

  it("infers one named dimension that a reshape moves, drops ones before any, and rejects two that move", async () => {
    const merged = graphOf((b) => ({ y: b.reshape(b.input("x", "f32", [2, "seq", 2]), ["seq", 4]) }));
    const { outputs } = await run(merged, [{ shape: [2, 3, 2], data: Array(12).fill(1) }]);
    expect(outputs[0]!.shape).toEqual([3, 4]);
    const inner = graphOf((b) => ({ y: b.reshape(b.input("x", "f32", [1, 1, "batch", "seq"]), ["batch", "seq"]) }));
    const dropped = await run(inner, [{ shape: [1, 1, 2, 3], data: [0, 1, 2, 3, 4, 5] }]);
    expect(dropped.outputs[0]).toMatchObject({ shape: [2, 3], data: [0, 1, 2, 3, 4, 5] });
    const swapped = graphOf((b) => ({ y: b.reshape(b.input("x", "f32", ["batch", "seq"]), ["seq", "batch"]) }));
    expect(() => encodeOnnx(swapped)).toThrow("reshape to [seq, batch] moves more than one named dimension");
  });

  it("bakes bindings in, so that they are no longer inputs", async () => {
    const graph = graphOf((b) => ({ y: b.mul(b.input("x", "f32", [2]), b.input("w", "f32", [2])) }));
    const { inputs, outputs } = await run(graph, [[1, 2]], new Map([["w", f32([2], [10, 20])]]));
    expect(inputs).toEqual(["x"]);
    expect(outputs).toEqual([{ name: "y", shape: [2], data: [10, 40] }]);
    expect(
      (
        await run(graph, [
          [1, 2],
          [3, 4],
        ])
      ).inputs,
    ).toEqual(["x", "w"]);
  });

  it("rejects a binding with the wrong shape or type", () => {
    const graph = graphOf((b) => ({ y: b.neg(b.input("w", "f32", [2])) }));
    expect(() => encodeOnnx(graph, new Map([["w", f32([3], [1, 2, 3])]]))).toThrow("w must be f32[2], got f32[3]");
    const double: Tensor = { dtype: "f64", shape: [2], data: new Float64Array(2) };
    expect(() => encodeOnnx(graph, new Map([["w", double]]))).toThrow("w must be f32[2], got f64[2]");
  });

  it("gives one value to several outputs, and passes inputs and constants through", async () => {
    const graph = graphOf((b) => {
      const x = b.input("x", "f32", [2]);
      const y = b.neg(x);
      return { first: y, second: y, input: x, constant: b.constant(f32([1], [7])) };
    });
    const { outputs } = await run(graph, [[1, 2]]);
    expect(outputs.map(({ name, data }) => [name, data])).toEqual([
      ["first", [-1, -2]],
      ["second", [-1, -2]],
      ["input", [1, 2]],
      ["constant", [7]],
    ]);
  });

  it("gives outputs in the graph's order, renamed if an input has their name", async () => {
    const graph = graphOf((b) => {
      const w = b.input("w", "f32", [2]);
      return { z: b.neg(w), w: b.add(w, 1) };
    });
    const { outputs } = await run(graph, [[1, 2]]);
    expect(outputs.map(({ data }) => data)).toEqual([
      [-1, -2],
      [2, 3],
    ]);
    expect(outputs.map(({ name }) => name)).toEqual(["z", "w'"]);
  });

  it("can use an output's value in later nodes", async () => {
    const graph = graphOf((b) => {
      const y = b.add(b.input("x", "f32", [1]), 1);
      return { y, z: b.mul(y, y) };
    });
    const { outputs } = await run(graph, [[2]]);
    expect(outputs.map(({ data }) => data)).toEqual([[3], [9]]);
  });
});
