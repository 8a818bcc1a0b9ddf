import { expect, it } from "vitest";
import { csvRows } from "../../../../shared/evaluation/text/csv-rows.ts";

/** Read by Python's csv module. */
it.each([
  [
    "a,b\nc,d",
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  [
    "a,b\r\nc,d\r\n",
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  ['"a,b",c', [["a,b", "c"]]],
  ['"a""b",c"d', [['a"b', 'c"d']]],
  ['"a"b,c', [["ab", "c"]]],
  ['"a\nb",c', [["a\nb", "c"]]],
  ["a\n\nb", [["a"], [], ["b"]]],
  ["a,", [["a", ""]]],
  ['"a', [["a"]]],
  ["", []],
])("%j", (text, rows) => {
  expect(csvRows(text, ",")).toEqual(rows);
});

it("refuses a carriage return within a line", () => {
  expect(csvRows("a\rb", ",")).toBeUndefined();
});
