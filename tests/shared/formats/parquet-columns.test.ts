import { expect, it } from "vitest";
import { ParquetColumns } from "../../../shared/formats/parquet-columns.ts";

/** Columns as a reader of pages gives them: parts that begin where they like, and go beyond the rows that were asked for. */
function columns(): ParquetColumns {
  const read = new ParquetColumns(["text", "n"]);
  read.add({ columnName: "text", columnData: ["c", "d"], rowStart: 2, rowEnd: 4 });
  read.add({ columnName: "n", columnData: Int32Array.of(1, 2, 3, 4, 5), rowStart: 1, rowEnd: 6 });
  read.add({ columnName: "text", columnData: ["e", null], rowStart: 4, rowEnd: 6 });
  read.add({ columnName: "other", columnData: ["x"], rowStart: 2, rowEnd: 3 });
  return read;
}

it("makes rows of parts of columns", () => {
  const read = columns();
  expect([2, 3, 4, 5].map((index) => read.row(index))).toEqual([
    { text: "c", n: 2 },
    { text: "d", n: 3 },
    { text: "e", n: 4 },
    { text: null, n: 5 },
  ]);
});

it("sums up what rows hold, and stops where it is too much", () => {
  const read = columns();
  const seen: unknown[] = [];
  const count = (value: unknown) => {
    seen.push(value);
    return typeof value === "number" ? value : 1;
  };
  expect(read.sum(count, { from: 2, to: 5, most: 100 })).toBe(3 + 2 + 3 + 4);
  expect(seen).toEqual(["c", "d", "e", 2, 3, 4]);
  expect(read.sum(count, { from: 2, to: 5, most: 1 })).toBe(2);
  expect(seen).toHaveLength(8);
  expect(read.row(2)).toEqual({ text: "c", n: 2 });
});

it("refuses rows that a column does not have", () => {
  const message = "a column has fewer rows than its footer says";
  expect(() => columns().row(6)).toThrow(message);
  expect(() => columns().row(1)).toThrow(message);
  expect(() => new ParquetColumns(["text"]).row(0)).toThrow(message);
});

it("keeps a column that is named as a prototype is", () => {
  const read = new ParquetColumns(["__proto__"]);
  read.add({ columnName: "__proto__", columnData: ["a"], rowStart: 0, rowEnd: 1 });
  expect(Object.keys(read.row(0))).toEqual(["__proto__"]);
});
