import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { DTYPES, f32, i64, scalar, type Tensor, tensor } from "../../../shared/tensor.ts";
import { loadTfjsBackend } from "../../../trainer/engines/tensorflow-backend.ts";
import { download, upload } from "../../../trainer/engines/tensorflow-tensors.ts";

beforeAll(() => loadTfjsBackend("cpu"));

const there = (value: Tensor) => upload("x", value);

describe("upload and download", () => {
  it("round-trip every type", async () => {
    const values: Tensor[] = [
      f32([2, 2], [1, -2, 0.5, 1e30]),
      i64([3], [0, -(2 ** 31), 2 ** 31 - 1]),
      tensor("i32", [2], Int32Array.of(-1, 7)),
      tensor("u8", [3], Uint8Array.of(0, 1, 255)),
      tensor("bool", [2], Uint8Array.of(0, 1)),
      f32([], [3]),
    ];
    for (const value of values) {
      const handle = there(value);
      expect(await download(handle, value.dtype)).toEqual(value);
      handle.dispose();
    }
  });

  it("covers every type but f64, which tfjs lacks", () => {
    for (const dtype of DTYPES) {
      if (dtype === "f64") expect(() => there(scalar(dtype, 1))).toThrow("TensorFlow.js has no 64-bit floats");
      else there(scalar(dtype, 1)).dispose();
    }
  });

  it("names a number that does not fit in 32 bits", () => {
    expect(() => upload("tokens", i64([1], [2 ** 31]))).toThrow(
      "tokens holds 2147483648, but TensorFlow.js has 32-bit integers only",
    );
  });

  it("reads into memory that tfjs does not keep", async () => {
    const before = tf.memory().numTensors;
    const data = Float32Array.of(1, 2);
    const handle = there(f32([2], data));
    const copy = await download(handle, "f32");
    (copy.data as Float32Array)[0] = 9;
    expect([data[0], (await handle.data())[0]]).toEqual([1, 1]);
    handle.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
