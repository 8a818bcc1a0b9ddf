import { describe, expect, it } from "vitest";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { interferingKeys, statedConflicts } from "../../../trainer/edits/conflicts.ts";
import type { EarlierEdit } from "../../../trainer/edits/earlier-edits.ts";

const fact = (prompt: string, subject: string, target_new: string) => ({ prompt, subject, target_new });
const snow = fact("The colour of snow is", "snow", "red");
const earlier: EarlierEdit = {
  id: "edit-1",
  file: {
    ...{ method: "memit", value_norm: null, facts: [fact("the colour of  Snow is", "Snow", "blue"), snow] },
    keys: new Map([[1, matrix(2, 2, Float64Array.of(1, 0, 0, 0))]]),
  },
};

describe("stated conflicts", () => {
  it("are with earlier edits and within the call", () => {
    const found = statedConflicts([snow, fact("Snow feels", "Snow", "warm"), snow], [earlier]);
    expect(found.map(({ kind, fact: index, with: other }) => [kind, index, other.edit, other.fact])).toEqual([
      ["contradicting_targets", 0, "edit-1", 0],
      ["same_subject_and_relation", 0, "edit-1", 1],
      ["contradicting_targets", 2, "edit-1", 0],
      ["same_subject_and_relation", 2, "edit-1", 1],
      ["same_subject_and_relation", 2, null, 0],
    ]);
    expect(found[0]!.message).toBe('says "red" of "snow" where fact 0 of edit-1 says "blue"');
  });
});

describe("interfering keys", () => {
  const facts = [snow, fact("Snow feels", "Snow", "warm"), fact("Coal is", "Coal", "white")];
  const keys = matrix(3, 2, Float64Array.of(1, 0, 1, 0.5, 0, 1));

  it("are those with a small angle where C is even, the closest first, and keys of zeros never", () => {
    const even = matrix(2, 2, Float64Array.of(1, 0, 0, 1));
    const found = interferingKeys(facts, keys, { edits: [earlier], layer: 1, secondMoment: even });
    expect(found.map(({ fact: index, with: other }) => [index, other.edit, other.fact])).toEqual([
      [0, "edit-1", 0],
      [1, null, 0],
      [1, "edit-1", 0],
    ]);
    expect(found[1]!.angle_degrees).toBeCloseTo((Math.atan(0.5) * 180) / Math.PI, 9);
  });

  it("are measured as the solve sees them: what the texts use much counts little", () => {
    const uneven = matrix(2, 2, Float64Array.of(100, 0, 0, 1));
    const found = interferingKeys(facts, keys, { edits: [], layer: 1, secondMoment: uneven });
    expect(found.map(({ fact: index, with: other }) => [index, other.fact])).toEqual([[2, 1]]);
  });
});
