import { describe, expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { initialState, parameterValues } from "../../../trainer/loop/training-state.ts";

const PARAMETERS = [
  { name: "a", shape: [2, 2], decay: true },
  { name: "b", shape: [3], decay: false },
];
const VALUES = new Map([
  ["a", f32([2, 2], [1, 2, 3, 4])],
  ["b", f32([3], [5, 6, 7])],
  ["frozen", f32([1], [8])],
]);

describe("initialState", () => {
  it("holds each parameter with moments of zero, and nothing that is not trained", () => {
    expect(initialState(PARAMETERS, VALUES)).toEqual({
      step: 0,
      trainedTokens: 0,
      tensors: {
        a: f32([2, 2], [1, 2, 3, 4]),
        "a#m": f32([2, 2], [0, 0, 0, 0]),
        "a#v": f32([2, 2], [0, 0, 0, 0]),
        b: f32([3], [5, 6, 7]),
        "b#m": f32([3], [0, 0, 0]),
        "b#v": f32([3], [0, 0, 0]),
      },
    });
  });
});

describe("parameterValues", () => {
  it("picks the parameters out of a state", () => {
    const state = initialState(PARAMETERS, VALUES);
    expect([...parameterValues(state, PARAMETERS)]).toEqual([...VALUES].slice(0, 2));
  });
});
