import { expect, it } from "vitest";
import { f32 } from "../../../shared/tensor.ts";
import { DELTA, LOSSES } from "../../../trainer/edits/value-graph.ts";
import { ENDED, LOSS, valueStops } from "../../../trainer/edits/value-stops.ts";

/** Facts: still going, cut, done by its loss, done before, no fact. */
function apply(step: number) {
  const { apply: after } = valueStops({ limits: [10, 1, 10, 10, 10], stopBelow: 0.5 });
  return after({
    ...{ step, totalSteps: 4, gradients: new Map() },
    values: new Map([
      [DELTA, f32([5, 2], [3, 4, 3, 4, 3, 4, 3, 4, 3, 4])],
      [ENDED, f32([5], [0, 0, 0, 1, -1])],
      [LOSS, f32([5], [9, 9, 9, 0.25, 0])],
    ]),
    before: new Map([[DELTA, f32([5, 2], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1])]]),
    observed: [{ [LOSSES]: f32([5, 1], [2, 2, 0.25, 7, 7]) }],
  });
}

it("stops facts by their own losses and cuts the others to their limits", () => {
  const changed = apply(2);
  const delta = [...changed.get(DELTA)!.data];
  expect(delta.slice(0, 2)).toEqual([3, 4]);
  expect(delta[2]).toBeCloseTo(0.6, 6);
  expect(delta[3]).toBeCloseTo(0.8, 6);
  expect(delta.slice(4)).toEqual([1, 1, 1, 1, 1, 1]);
  expect([...changed.get(ENDED)!.data]).toEqual([0, 0, 2, 1, -1]);
  expect([...changed.get(LOSS)!.data]).toEqual([2, 2, 0.25, 0.25, 0]);
});

it("makes no update after the last loss", () => {
  const changed = apply(4);
  expect([...changed.get(DELTA)!.data]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect([...changed.get(ENDED)!.data]).toEqual([4, 4, 4, 1, -1]);
});
