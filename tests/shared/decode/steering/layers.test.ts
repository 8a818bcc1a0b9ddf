import { describe, expect, it } from "vitest";
import { planned } from "../../../contract/steering-cases.ts";
import { itGivesTheReferencesScores } from "./references.ts";

describe("against transformers", () => itGivesTheReferencesScores("layers", 8));

/** The layers that a model's plan reads, as transformers counts them. */
function candidates(which: "low" | "high", layers: number, tiedHead = false): readonly number[] {
  const { settings, takes } = planned("layers", { candidates: which }, { layers, tiedHead });
  const read = takes!.exits!.map((layer) => layer + 1);
  expect((settings as { candidates: readonly number[] }).candidates).toEqual(read);
  return read;
}

// From the ranges of transformers 4.53, `_dola_decoding`.
it.each([
  ["low", 1, false, [0]],
  ["low", 2, false, [0]],
  ["low", 6, false, [0, 2]],
  ["low", 16, false, [0, 2, 4, 6]],
  ["low", 41, false, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]],
  ["low", 1, true, [0]],
  ["low", 2, true, [1]],
  ["low", 4, true, [2]],
  ["low", 16, true, [2, 4, 6]],
  ["low", 80, true, [2, 4, 6, 8, 10, 12, 14, 16, 18]],
  ["high", 1, false, [0]],
  ["high", 2, true, [1]],
  ["high", 7, false, [3, 5]],
  ["high", 16, true, [8, 10, 12, 14]],
  ["high", 41, false, [21, 23, 25, 27, 29, 31, 33, 35, 37, 39]],
] as const)("reads transformers' layers: %s of %i, head tied: %s", (which, layers, tied, expected) => {
  expect(candidates(which, layers, tied)).toEqual(expected);
});

it("reads the second layer where a tied head leaves no lower one, for which transformers has none", () => {
  expect(candidates("low", 3, true)).toEqual([2]);
});

it("refuses the last layer and those after it, by name", () => {
  const plan = (layers: number[]) => () => planned("layers", { candidates: layers }, { layers: 4 });
  expect(plan([0, 3])).not.toThrow();
  expect(plan([1, 4])).toThrow(expect.objectContaining({ code: "invalid_request", param: "layers.candidates[1]" }));
});
