import type { OrtModule } from "../../edge/runtime/ort-module.ts";
import { allocateTensor } from "../../edge/runtime/resident-tensor.ts";
import { createSession } from "../../edge/runtime/session.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import { encodeOnnx } from "../../shared/graph/onnx.ts";
import { MATRICES } from "../bench/workerd-ceiling.ts";

/** What the runtime does at best: large products, and a row times matrices, which memory bounds. */
export function ceilings(ort: OrtModule): Readonly<Record<"gemm" | "gemv", () => void>> {
  return { gemm: product(ort, MATRICES.rows), gemv: product(ort, 1) };
}

/** Rows times the matrices, one after the other. */
function product(ort: OrtModule, rows: number): () => void {
  const { count, size } = MATRICES;
  const b = new GraphBuilder("product");
  const tensor = (shape: number[]) => {
    const made = allocateTensor(ort, "f32", shape);
    made.view().fill(1 / size);
    return made;
  };
  const matrices = Array.from({ length: count }, (_, i) => [`w${i}`, tensor([size, size])] as const);
  const x = b.input("x", "f32", [rows, size]);
  const y = matrices.reduce((value, [name]) => b.matmul(value, b.input(name, "f32", [size, size])), x);
  const session = createSession(ort, encodeOnnx(b.build({ y })), { name: "product" });
  const inputs = { x: tensor([rows, size]), ...Object.fromEntries(matrices) };
  const outputs = { y: tensor([rows, size]) };
  return () => session.run(inputs, outputs);
}
