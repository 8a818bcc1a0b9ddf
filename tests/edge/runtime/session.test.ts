import { expect, test } from "vitest";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { allocateTensor, residentCopy } from "../../../edge/runtime/resident-tensor.ts";
import { createSession } from "../../../edge/runtime/session.ts";
import { GraphBuilder } from "../../../shared/graph/builder.ts";
import { encodeOnnx } from "../../../shared/graph/onnx.ts";
import { f32 } from "../../../shared/tensor.ts";

test("multiplies matrices in the heap", async () => {
  const ort = await loadOrtModule();
  const g = new GraphBuilder("product");
  const a = g.input("a", "f32", ["rows", 2]);
  const b = g.input("b", "f32", [2, 2]);
  const onnx = encodeOnnx(g.build({ y: g.matmul(a, b) }));
  const session = createSession(ort, onnx, { name: "product" });
  const y = allocateTensor(ort, "f32", [3, 2]);
  session.run(
    { a: residentCopy(ort, f32([3, 2], [1, 2, 3, 4, 5, 6])), b: residentCopy(ort, f32([2, 2], [1, 0, 1, 1])) },
    { y },
  );
  expect([...y.view()]).toEqual([3, 2, 7, 4, 11, 6]);
  console.log(ort.heapBytes(), session.inputNames);
});
