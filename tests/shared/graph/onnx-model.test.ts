import { InferenceSession } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import type { Named } from "../../../shared/graph/graph.ts";
import { encodeModel } from "../../../shared/graph/onnx-model.ts";
import { DTYPES, type DType, f32, i64, scalar } from "../../../shared/tensor.ts";

const named = (name: string, dtype: DType, ...shape: (number | string)[]): Named => ({
  name,
  value: { id: 0, dtype, shape },
});

const load = (model: Uint8Array) => InferenceSession.create(model, { logSeverityLevel: 3 });

describe("encodeModel", () => {
  it("declares inputs and outputs with their types and their numeric or named dimensions", async () => {
    const session = await load(
      encodeModel({
        name: "pass",
        inputs: [named("x", "f32", "batch", 3)],
        outputs: [named("y", "f32", "batch", 3)],
        initializers: new Map(),
        nodes: [{ type: "Identity", inputs: ["x"], outputs: ["y"] }],
      }),
    );
    expect(session.inputMetadata).toMatchObject([{ name: "x", type: "float32", shape: ["batch", 3] }]);
    expect(session.outputMetadata).toMatchObject([{ name: "y", type: "float32", shape: ["batch", 3] }]);
    await session.release();
  });

  it.each(DTYPES)("stores initializers of type %s", async (dtype) => {
    const session = await load(
      encodeModel({
        name: "constant",
        inputs: [],
        outputs: [named("y", dtype)],
        initializers: new Map([["c", scalar(dtype, 1)]]),
        nodes: [{ type: "Identity", inputs: ["c"], outputs: ["y"] }],
      }),
    );
    const { y } = await session.run({});
    expect(y!.dims).toEqual([]);
    expect(Number(y!.data[0])).toBe(1);
    await session.release();
  });

  it("reads an initializer that is a view into a larger buffer", async () => {
    const view = new Float32Array(8).fill(7).subarray(3, 5);
    view.set([1, 2]);
    const session = await load(
      encodeModel({
        name: "view",
        inputs: [],
        outputs: [named("y", "f32", 2)],
        initializers: new Map([["c", f32([2], view)]]),
        nodes: [{ type: "Identity", inputs: ["c"], outputs: ["y"] }],
      }),
    );
    expect((await session.run({})).y!.data).toEqual(Float32Array.of(1, 2));
    await session.release();
  });

  it("writes every kind of attribute, and names of other domains", async () => {
    const x = f32([2, 2], [1, 2, 3, 4]);
    const session = await load(
      encodeModel({
        name: "attributes",
        inputs: [],
        outputs: [named("t", "f32", 2, 2), named("c", "i64", 2, 2), named("s", "f32", 2, 2), named("g", "f32", 2, 2)],
        initializers: new Map<string, ReturnType<typeof f32> | ReturnType<typeof i64>>([
          ["x", x],
          ["i", i64([1, 2], [1, 1])],
          ["u", f32([1, 2], [10, 20])],
        ]),
        nodes: [
          { type: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [1, 0] } },
          { type: "Cast", inputs: ["x"], outputs: ["c"], attributes: { to: { type: "i64" } } },
          {
            type: "ScatterElements",
            inputs: ["x", "i", "u"],
            outputs: ["s"],
            attributes: { axis: 0, reduction: "add" },
          },
          {
            type: "FusedMatMul",
            domain: "com.microsoft",
            inputs: ["x", "x"],
            outputs: ["g"],
            attributes: { transB: 1, alpha: { float: 0.5 } },
          },
        ],
      }),
    );
    const { t, c, s, g } = await session.run({});
    expect(t!.data).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(c!.data).toEqual(BigInt64Array.of(1n, 2n, 3n, 4n));
    expect(s!.data).toEqual(Float32Array.of(1, 2, 13, 24));
    expect(g!.data).toEqual(Float32Array.of(2.5, 5.5, 5.5, 12.5));
    await session.release();
  });
});
