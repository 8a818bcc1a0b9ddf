import { expect, it } from "vitest";
import { embedToken } from "../../../edge/runtime/embed-token.ts";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import { f32 } from "../../../shared/tensor.ts";
import { randomDelta, rowOf } from "./tiny-model.ts";

const weights = { embedding: (token: number) => Float32Array.of(token, -token) };

it("gives the model's embedding, with the row's change to it", () => {
  const target = Float32Array.of(5, 5);
  embedToken(target, { token: 3, weights, deltas: BARE });
  expect([...target]).toEqual([3, -3]);
  // Token 1 has the factors (2, 1); the weight is a half.
  const embedding = { a: f32([2, 2], [0, 0, 2, 1]), b: f32([2, 2], [10, 0, 0, 100]) };
  embedToken(target, {
    token: 1,
    weights,
    deltas: {
      outerLayers: [
        { layers: { embedding }, weight: 0.5 },
        { layers: {}, weight: 9 },
      ],
    },
  });
  expect([...target]).toEqual([1 + 10, -1 + 50]);
});

it("takes what a row of the batch has", () => {
  const row = rowOf("a", randomDelta("a", ["embedding"]), 2);
  const at = (token: number) => {
    const target = new Float32Array(32);
    embedToken(target, { token, weights: { embedding: () => new Float32Array(32) }, deltas: row });
    return target;
  };
  const { a, b } = randomDelta("a", ["embedding"]).embedding!;
  const expected = (token: number, d: number) =>
    [0, 1, 2, 3].reduce((sum, r) => sum + 2 * a.data[token * 4 + r]! * b.data[r * 32 + d]!, 0);
  for (const token of [0, 63]) for (const d of [0, 31]) expect(at(token)[d]).toBeCloseTo(expected(token, d), 5);
});
