import { describe, expect, it } from "vitest";
import { wrappedList } from "../../../shared/data/wrapped-list.ts";

const TASK = {
  Contributors: ["n"],
  Categories: ["Logic"],
  Definition: "Say it twice.",
  "Positive Examples": [{ input: "a", output: "a a", explanation: "e" }],
  "Negative Examples": [{ input: "b", output: "b", explanation: "e" }],
  Instances: [{ id: "1", input: "c", output: ["c c"] }],
};

describe("wrappedList", () => {
  it("finds the instances of a task, however little of it is there", () => {
    for (const text of [JSON.stringify(TASK), JSON.stringify(TASK, null, 2)]) {
      for (const end of [text.indexOf("Positive"), text.indexOf("Instances") + 13, text.length]) {
        expect(wrappedList(text.slice(0, end))?.list, text.slice(0, end)).toBe("Instances");
      }
    }
  });

  it("gives instances the task's definition, and says when it comes too late", () => {
    const { join } = wrappedList(JSON.stringify(TASK))!;
    expect(join?.({ input: "c" }, TASK)).toEqual({ Definition: "Say it twice.", input: "c" });
    expect(() => join?.({ input: "c" }, {})).toThrow(/no Definition stands before them/);
  });

  it("finds the only list of objects", () => {
    const row = { instruction: "i", output: "o" };
    for (const value of [{ data: [row] }, { version: "1", "my rows": [row, row], tags: ["x"] }]) {
      const list = "data" in value ? "data" : "my rows";
      expect(wrappedList(JSON.stringify(value))).toEqual({ list });
      expect(wrappedList(JSON.stringify(value, null, 1).slice(0, -8))).toEqual({ list });
    }
  });

  it.each([
    { messages: [{ role: "user", content: "q" }] },
    { annotations: [{ a: 1 }], messages: [{ role: "user", content: "q" }] },
    { instruction: "i", instances: [{ input: "a", output: "b" }] },
    { data: ["q", "a"] },
    { prompt: [{ role: "user", content: "q" }], completion: "c" },
    { features: [{ name: "a" }], rows: [{ row: {} }] },
    { Definition: "d", input: "i", output: "o" },
    { a: 1 },
  ])("takes %j for a record", (value) => {
    expect(wrappedList(JSON.stringify(value))).toBeUndefined();
    expect(wrappedList(`${JSON.stringify(value)}\n{"b":`)).toBeUndefined();
  });

  it("is not misled by what strings hold, or by what is not JSON", () => {
    expect(wrappedList('{"a":"[{\\"data\\":[{","data":[{"x":1}]}')).toEqual({ list: "data" });
    expect(wrappedList('{"a":"unfinished')).toBeUndefined();
    expect(wrappedList("{'data': [{}]}")).toBeUndefined();
  });
});
