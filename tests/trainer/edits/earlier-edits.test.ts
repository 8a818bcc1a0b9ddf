import { expect, it } from "vitest";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { type EarlierEdit, knownAnchor, previousKeys } from "../../../trainer/edits/earlier-edits.ts";

const fact = (subject: string, index: number) => ({ index, prompt: `${subject} is`, subject, target_new: "red" });
const edits: EarlierEdit[] = [
  {
    id: "edit-1",
    file: {
      ...{ method: "rome", value_norm: null, facts: [fact("Snow", 0)] },
      keys: new Map([[3, matrix(1, 2, Float64Array.of(1, 2))]]),
    },
  },
  {
    id: "edit-2",
    file: {
      ...{ method: "memit", value_norm: 1, facts: [fact("Coal", 0), fact("Grass", 1)] },
      // As edits are joined: Grass was edited at another layer.
      keys: new Map([
        [2, matrix(2, 2, Float64Array.of(0, 0, 0, 3))],
        [3, matrix(2, 2, Float64Array.of(1, 0, 0, 0))],
      ]),
    },
  },
];

it("sums the keys of earlier edits, and reads those at layers where a fact was not edited", async () => {
  const asked: string[] = [];
  const previous = await previousKeys(edits, {
    ...{ layers: [2, 3], width: 2 },
    read: async (facts, layer) => {
      asked.push(`${layer} ${facts.map(({ subject }) => subject).join()}`);
      return matrix(facts.length, 2, new Float64Array(facts.length * 2).fill(1));
    },
  });
  expect(asked).toEqual(["2 Snow", "2 Coal", "3 Grass"]);
  expect([...previous.get(2)!.data]).toEqual([2, 2, 2, 11]);
  expect([...previous.get(3)!.data]).toEqual([3, 3, 3, 5]);
});

it("takes the length of values from an edit that measured it at the same layer", () => {
  expect(knownAnchor(edits, 3)).toBe(1);
  expect(knownAnchor(edits, 2)).toBeUndefined();
  expect(knownAnchor(edits.slice(0, 1), 3)).toBeUndefined();
});
