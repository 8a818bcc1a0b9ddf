import { describe, expect, it } from "vitest";
import { ARITY } from "../../../shared/graph/ops.ts";
import { TENSORFLOW, tfType } from "../../../trainer/engines/tensorflow-ops.ts";

// tests/contract/ops.test.ts checks what each rule computes against the specification of every op.
describe("the table of rules", () => {
  it("has a row for every op", () => {
    expect(Object.keys(TENSORFLOW).sort()).toEqual(Object.keys(ARITY).sort());
  });
});

describe("tfType", () => {
  it("maps integers of every width to 32 bits", () => {
    expect((["i32", "i64", "u8"] as const).map(tfType)).toEqual(["int32", "int32", "int32"]);
    expect([tfType("f32"), tfType("bool")]).toEqual(["float32", "bool"]);
  });

  it("rejects 64-bit floats and says what to do", () => {
    expect(() => tfType("f64")).toThrow("TensorFlow.js has no 64-bit floats: cast to f32, or use onnxruntime");
  });
});
