import { describe, expect, test } from "vitest";
import { fieldsOf, joinFields, shuffled } from "../../../../shared/data/augment/fields.ts";
import { createRandom } from "../../../../shared/random.ts";

describe("fieldsOf", () => {
  test("finds the longest run of fields, and what stands around it", () => {
    const text = "Note: once\nSay who it is.\nName: Ada\nBirth year: 1815\nÄmter: keine\nThank you.";
    const found = fieldsOf(text)!;
    expect(found.fields).toEqual(["Name: Ada", "Birth year: 1815", "Ämter: keine"]);
    expect([found.before.length, found.after]).toEqual([2, ["Thank you."]]);
    expect(joinFields(found)).toBe(text);
  });

  test("needs two of them", () => {
    expect(fieldsOf("Name: Ada\nand so on")).toBeUndefined();
    expect(fieldsOf("http://a\n: b\nx:")).toBeUndefined();
  });
});

test("shuffled never leaves fields as they are, and loses none", () => {
  for (let seed = 0; seed < 50; seed++) {
    const fields = ["a: 1", "b: 2", "c: 3"];
    const moved = shuffled(fields, createRandom(seed));
    expect(moved).not.toEqual(fields);
    expect(moved.toSorted()).toEqual(fields);
  }
});
