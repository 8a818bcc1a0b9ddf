import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import type { Value } from "../../../shared/graph/graph.ts";
import { f32, i64, type Tensor, tensor } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });

describe("createOnnxRuntimeExecutor", () => {
  // onnxruntime's ScatterND adds from several threads without locking (its issue 18048), so a step that used it would
  // lose gradients of frequent tokens and differ from run to run.
  it("loses no update of rows that many indices share, on two threads", async () => {
    const [n, width, rows] = [2048, 128, 8];
    const b = new GraphBuilder("embedding_gradient");
    const y = b.scatterAddRows(b.input("indices", "i64", [n]), b.input("updates", "f32", [n, width]), rows);
    const program = await createOnnxRuntimeExecutor({ threads: 2 }).compile(b.build({ y }));
    const ids = Array.from({ length: n }, (_, i) => (i * i) % 5);
    const expected = Float32Array.from({ length: rows * width }, (_, i) => {
      return ids.filter((id) => id === Math.floor(i / width)).length;
    });
    for (let run = 0; run < 10; run++) {
      const result = await program.run({
        indices: i64([n], ids),
        updates: f32([n, width], new Float32Array(n * width).fill(1)),
      });
      expect(result.y!.data).toEqual(expected);
    }
    await program.dispose();
  });

  it("returns an output that shares an input's name", async () => {
    const b = new GraphBuilder("update");
    const w = b.input("w", "f32", [2]);
    const program = await executor.compile(b.build({ norm: b.neg(w), w: b.add(w, 1) }));
    const fed = f32([2], [1, 2]);
    const results = await program.run({ w: fed });
    expect(Object.keys(results)).toEqual(["norm", "w"]);
    expect(results).toEqual({ norm: f32([2], [-1, -2]), w: f32([2], [2, 3]) });
    expect(fed.data).toEqual(Float32Array.of(1, 2));
    await program.dispose();
  });

  // 4-bit weights, and weights over 256 MiB in total, are not baked into the model.
  it("computes the same with fed and with baked bindings", async () => {
    const b = new GraphBuilder("bound");
    const pick = (table: Value) => b.reduceSum(b.gather(table, b.input("at", "i64", [])), [0]);
    const bytes = b.cast(b.input("bytes", "u8", [4, 1]), "f32");
    const y = b.add(pick(b.input("wide", "f32", [70_000, 1024])), b.reduceSum(bytes, [0, 1]));
    const graph = b.build({ y: b.mul(y, b.input("scale", "f32", [])) });
    const wide = new Float32Array(70_000 * 1024).fill(1, 0, 1024);
    const bindings = new Map<string, Tensor>([
      ["wide", f32([70_000, 1024], wide)],
      ["bytes", tensor("u8", [4, 1], Uint8Array.of(1, 2, 3, 4))],
      ["scale", f32([], [2])],
    ]);
    const program = await executor.compile(graph, { bindings });
    expect((await program.run({ at: i64([], [0]) })).y!.data).toEqual(Float32Array.of(2 * (1024 + 10)));
    expect((await program.run({ at: i64([], [1]) })).y!.data).toEqual(Float32Array.of(20));
    await expect(program.run({ at: i64([], [1]), scale: f32([], [1]) })).rejects.toThrow("no open input named scale");
    await program.dispose();
  });

  it("returns every type as the graph declares it", async () => {
    const b = new GraphBuilder("types");
    const x = b.input("x", "f32", [2]);
    const outputs = { i64: b.cast(x, "i64"), i32: b.cast(x, "i32"), bool: b.greater(x, 1), u8: b.cast(x, "u8") };
    const program = await executor.compile(b.build(outputs));
    expect(await program.run({ x: f32([2], [1, 2]) })).toEqual({
      i64: i64([2], [1, 2]),
      i32: tensor("i32", [2], Int32Array.of(1, 2)),
      bool: tensor("bool", [2], Uint8Array.of(0, 1)),
      u8: tensor("u8", [2], Uint8Array.of(1, 2)),
    });
    await program.dispose();
  });

  it("rejects a broken graph before onnxruntime sees it, and reports what onnxruntime rejects", async () => {
    const b = new GraphBuilder("exact");
    const positions = b.input("positions", "i64", [1, 1]);
    const tables = { cos: b.input("cos", "f64", [1, 1]), sin: b.input("sin", "f64", [1, 1]) };
    const y = b.rope(b.input("x", "f64", [1, 1, 1, 2]), positions, tables);
    const graph = b.build({ y });
    await expect(executor.compile({ ...graph, nodes: [] })).rejects.toThrow(
      "exact: output y is %4, which is never defined",
    );
    await expect(executor.compile(graph)).rejects.toThrow(
      expect.objectContaining({
        code: "invalid_graph",
        message: expect.stringMatching(/^onnxruntime refused exact: .*RotaryEmbedding/),
      }),
    );
  });

  it("checks its feeds", async () => {
    const b = new GraphBuilder("g");
    const program = await executor.compile(b.build({ y: b.neg(b.input("x", "f32", ["n"])) }));
    await expect(program.run({})).rejects.toThrow("g needs a tensor for its input x");
    await expect(program.run({ x: i64([1], [1]) })).rejects.toThrow("input x of g is f32[n], but was given i64[1]");
    await program.dispose();
  });
});
