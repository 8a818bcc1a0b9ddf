import { expect, it } from "vitest";
import { addProduct, changeHead, type HeadChange, headChanges } from "../../../edge/runtime/host-changes.ts";
import { f32 } from "../../../shared/tensor.ts";

it("adds a vector times a matrix", () => {
  const target = Float32Array.of(1, 1, 1);
  const matrix = f32([2, 3], [1, 2, 3, 10, 20, 30]);
  addProduct(target, [2, -1], { matrix, weight: 1 });
  expect([...target]).toEqual([1 + 2 - 10, 1 + 4 - 20, 1 + 6 - 30]);
  addProduct(target, [0, 1], { matrix, weight: -0.5 });
  expect([...target]).toEqual([-7 - 5, -15 - 10, -23 - 15]);
});

it("scales a head's logits, then adds the low-rank change and the bias", () => {
  const change = (...heads: HeadChange["head"][]) => weighted(...heads.map((head) => ({ head, weight: 1 })));
  const weighted = (...changes: HeadChange[]) => {
    const logits = Float32Array.of(1, 2, 3);
    changeHead(logits, Float32Array.of(5, 7), changes);
    return [...logits];
  };
  const factors = { a: f32([2, 1], [1, -1]), b: f32([1, 3], [1, 0, 10]) };
  const scale = f32([3], [2, 0.5, 1]);
  const bias = f32([3], [100, 0, -1]);
  expect(change({})).toEqual([1, 2, 3]);
  expect(change(factors)).toEqual([1 - 2, 2, 3 - 20]);
  expect(change({ scale })).toEqual([2, 1, 3]);
  expect(change({ ...factors, scale, bias })).toEqual([2 - 2 + 100, 1, 3 - 20 - 1]);
  // Scales add up by their difference from 1.
  expect(change({ scale }, { scale, bias })).toEqual([3 + 100, 0, 3 - 1]);
  expect(weighted({ head: { ...factors, scale }, weight: 0.5 }, { head: { bias }, weight: -2 })).toEqual([
    1.5 - 1 - 200,
    1.5,
    3 - 10 + 2,
  ]);
});

it("picks the head's changes out of a row's outer layers", () => {
  const head = { bias: f32([3], [1, 2, 3]) };
  const embedding = { a: f32([3, 1], [1, 2, 3]), b: f32([1, 2], [1, 2]) };
  expect(headChanges([])).toEqual([]);
  expect(
    headChanges([
      { layers: { embedding }, weight: 2 },
      { layers: { head, embedding }, weight: 3 },
    ]),
  ).toEqual([{ head, weight: 3 }]);
});
