import { expect, test } from "vitest";
import { Columns, isRecord, kindOf, recordError } from "../../../shared/data/columns.ts";

const PLACE = { number: 7, unit: "row", file: "d.csv" } as const;
const columns = (values: Record<string, unknown>) => new Columns(values, PLACE);

test("what nobody takes is named, null left out, and what is ignored within a column once", () => {
  const row = columns({ a: "x", b: 1, c: null, d: "" });
  expect([row.text("a"), row.optionalText("c"), row.optionalText("e")]).toEqual(["x", undefined, undefined]);
  row.ignore("a[].id");
  row.ignore("a[].id");
  expect(row.names).toEqual(["a", "b", "d"]);
  expect(row.ignored()).toEqual(["b", "d", "a[].id"]);
});

test("inherited names are no columns", () => {
  expect(columns({}).take("toString")).toBe(undefined);
  expect(columns({}).has("constructor")).toBe(false);
});

test("JSON in a cell is read; what is not JSON is refused, Python's lists with what to do", () => {
  const row = columns({ list: "[1]", own: [2], blank: " ", text: "x", python: "[{'a': 1}]" });
  expect(["list", "own", "blank", "none"].map((name) => row.json(name))).toEqual([[1], [2], undefined, undefined]);
  expect(() => row.json("text")).toThrow("row 7 of d.csv: text: must be a list, or the JSON text of one");
  expect(() => row.json("python")).toThrow(
    "python: is a list as Python prints it, not JSON; write the column with json.dumps",
  );
});

test("errors name the place and the field, and keep both as data", () => {
  expect(() => columns({ a: [1] }).text("a")).toThrow(
    expect.objectContaining({
      code: "invalid_file",
      message: "row 7 of d.csv: a: must be a text, not a list",
      data: { line: 7, field: "a" },
    }),
  );
  expect(recordError(PLACE, " is odd").data).toEqual({ line: 7 });
});

test("kinds of values in words", () => {
  expect([null, [], {}, "x", 5, true].map(kindOf)).toEqual([
    "empty",
    "a list",
    "an object",
    "a text",
    "the number 5",
    "the boolean true",
  ]);
  expect([{}, [], null, "x"].map(isRecord)).toEqual([true, false, false, false]);
});
