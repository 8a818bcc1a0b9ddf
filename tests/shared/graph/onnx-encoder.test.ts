import { expect, test } from "vitest";
import { Encoder } from "../../../shared/graph/onnx-encoder.ts";
import { f32 } from "../../../shared/tensor.ts";

const x = { id: 7, dtype: "f32", shape: [2] } as const;

test("values keep their names, and what only ONNX needs gets one of its own", () => {
  const encoder = new Encoder();
  const constant = encoder.constant(f32([1], [0]));
  const [first, second] = encoder.pushMany("Split", [x, constant], { count: 2 });
  expect(encoder.push("Add", [first!, second!], { outputs: [{ ...x, id: 8 }], contrib: true })).toBe("%8");
  expect(encoder.nodes).toEqual([
    { type: "Split", inputs: ["%7", "#0"], outputs: ["#1", "#2"], attributes: {} },
    { type: "Add", inputs: ["#1", "#2"], outputs: ["%8"], attributes: {}, domain: "com.microsoft" },
  ]);
});

test("a bound tensor has to be what its input is", () => {
  const encoder = new Encoder();
  encoder.bind("x", x, f32([2], [1, 2]));
  expect([...encoder.initializers.keys()]).toEqual(["x"]);
  expect(() => encoder.bind("x", x, f32([3], [1, 2, 3]))).toThrow("x must be f32[2], got f32[3]");
});
