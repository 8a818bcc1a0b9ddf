import { describe, expect, it } from "vitest";
import {
  BYTES_PER_ELEMENT,
  DTYPES,
  elementCount,
  f32,
  i64,
  scalar,
  tensor,
  totalElements,
  zeros,
} from "../../shared/tensor.ts";

describe("tensor", () => {
  it("wraps its data without copying it", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(tensor("f32", [2, 3], data).data).toBe(data);
    expect(f32([6], data).data).toBe(data);
  });

  it("rejects data that does not fill its shape, and says how much it needs", () => {
    expect(() => tensor("f32", [2, 3], new Float32Array(5))).toThrow(
      "a tensor of shape [2, 3] needs 6 elements, but got 5",
    );
    expect(() => tensor("bool", [], new Uint8Array(0))).toThrow("a tensor of shape [] needs 1 elements");
  });

  it("counts one element in a scalar and none where a dimension is 0", () => {
    expect([elementCount([]), elementCount([2, 3]), elementCount([4, 0])]).toEqual([1, 6, 0]);
    expect(zeros([0, 3]).data).toHaveLength(0);
  });

  it("counts the elements of several tensors", () => {
    expect(totalElements([])).toBe(0);
    expect(totalElements([{ shape: [2, 3] }, { shape: [] }, { shape: [4] }])).toBe(11);
  });

  it("turns numbers into 64-bit integers", () => {
    expect(i64([3], [1, -2, 2 ** 40]).data).toEqual(BigInt64Array.of(1n, -2n, 2n ** 40n));
  });

  it("makes scalars of every type", () => {
    for (const dtype of DTYPES) {
      const { shape, data } = scalar(dtype, 1);
      expect(shape).toEqual([]);
      expect(Number(data[0])).toBe(1);
      expect(data.BYTES_PER_ELEMENT).toBe(BYTES_PER_ELEMENT[dtype]);
    }
    expect(scalar("f64", 1 / 3).data[0]).toBe(1 / 3);
    expect(scalar("f32", 1 / 3).data[0]).toBe(Math.fround(1 / 3));
  });
});
