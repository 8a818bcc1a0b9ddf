import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { f32, i64 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";

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
});
