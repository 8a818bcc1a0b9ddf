import { expect, it } from "vitest";
import { decodeEditFile, type EditFile, encodeEditFile, joinEditFiles } from "../../../shared/edits/edit-file.ts";
import { writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";

const fact = (subject: string, index = 0) => ({ index, prompt: `${subject} is`, subject, target_new: "red" });
const one: EditFile = {
  ...{ method: "memit", value_norm: 2, facts: [fact("Snow"), fact("Coal", 3)] },
  keys: new Map([
    [3, matrix(2, 2, Float64Array.of(1, 2, 3, 4))],
    [10, matrix(2, 2, Float64Array.of(5, 6, 7, 8))],
  ]),
};

it("comes back as it was written", () => {
  expect(decodeEditFile(encodeEditFile(one))).toEqual(one);
});

it("joins edits in their order, with zeros where a fact was edited in other layers", () => {
  const other: EditFile = {
    ...{ method: "alphaedit", value_norm: 5, facts: [fact("Grass")] },
    keys: new Map([[3, matrix(1, 2, Float64Array.of(9, 9))]]),
  };
  const joined = joinEditFiles([one, other], [5, 1]);
  // Values at layer 3 have another length than those at layer 10, the last.
  expect(joined).toMatchObject({ method: "alphaedit", value_norm: 2 });
  expect(joinEditFiles([other, { ...other, value_norm: 8 }], [1, 1]).value_norm).toBe(6.5);
  expect(joined.facts.map(({ subject }) => subject)).toEqual(["Snow", "Coal", "Grass"]);
  expect(joined.facts.map(({ index }) => index)).toEqual([0, 3, 5]);
  expect([...joined.keys.get(3)!.data]).toEqual([1, 2, 3, 4, 9, 9]);
  expect([...joined.keys.get(10)!.data]).toEqual([5, 6, 7, 8, 0, 0]);
  expect(decodeEditFile(encodeEditFile(joined))).toEqual(joined);
});

it.each([
  [{}, {}, 'has the format "unknown"; expected trimtab.edit/1'],
  [{}, { format: "trimtab.edit/1", edit: "{}" }, "has metadata `edit` that does not say what was edited"],
  [{}, { format: "trimtab.edit/1", edit: "{" }, "has metadata `edit` that does not say what was edited"],
  [{}, about(), "has no keys"],
  [{ "keys.1": [2, 4] }, about(), "has a tensor keys.1 F32 [2, 4] instead of F32 [1, in]"],
  [{ "keys.01": [1, 4] }, about(), 'has a tensor "keys.01" that no edit has'],
] as const)("refuses %j %j", (shapes, metadata, message) => {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const bytes = new Uint8Array(4 * shape.reduce((a: number, b: number) => a * b, 1));
    return [name, { dtype: "F32", shape, bytes }] as const;
  });
  expect(() => decodeEditFile(writeSafetensors(new Map(tensors), metadata))).toThrow(`edit.safetensors ${message}`);
});

it("refuses to write keys that do not fit the facts", () => {
  expect(() => encodeEditFile({ ...one, facts: [fact("Snow")] })).toThrow("layer 3 has 2 keys of 1 facts");
  expect(() => joinEditFiles([], [])).toThrow("there are no edits to join");
});

function about() {
  return {
    format: "trimtab.edit/1",
    edit: JSON.stringify({ method: "rome", value_norm: null, facts: [fact("Snow")] }),
  };
}
