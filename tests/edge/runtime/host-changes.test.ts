import { expect, it } from "vitest";
import { addProduct, changeHead } from "../../../edge/runtime/host-changes.ts";
import { f32 } from "../../../shared/tensor.ts";

it("adds a row times a matrix", () => {
  const target = Float32Array.of(1, 1, 1);
  addProduct(target, [2, -1], f32([2, 3], [1, 2, 3, 10, 20, 30]));
  expect([...target]).toEqual([1 + 2 - 10, 1 + 4 - 20, 1 + 6 - 30]);
});

it("scales a head's logits, then adds the low-rank change and the bias", () => {
  const change = (module: Parameters<typeof changeHead>[2]) => {
    const logits = Float32Array.of(1, 2, 3);
    changeHead(logits, Float32Array.of(5, 7), module);
    return [...logits];
  };
  const factors = { a: f32([2, 1], [1, -1]), b: f32([1, 3], [1, 0, 10]) };
  const scale = f32([3], [2, 0.5, 1]);
  const bias = f32([3], [100, 0, -1]);
  expect(change({})).toEqual([1, 2, 3]);
  expect(change(factors)).toEqual([1 - 2, 2, 3 - 20]);
  expect(change({ scale })).toEqual([2, 1, 3]);
  expect(change({ ...factors, scale, bias })).toEqual([2 - 2 + 100, 1, 3 - 20 - 1]);
});
