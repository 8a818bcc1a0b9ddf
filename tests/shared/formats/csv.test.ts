import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCsvReader, csvDelimiter } from "../../../shared/formats/csv.ts";
import type { JsonlOptions } from "../../../shared/formats/jsonl.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/datasets");
const expected = JSON.parse(readFileSync(join(GOLDEN, "expected.json"), "utf8")) as {
  pairs: Record<string, unknown>[];
};

function read(file: string | Uint8Array, options: JsonlOptions & { step?: number } = {}) {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : new Uint8Array(file);
  const reader = createCsvReader({ name: "d.csv", ...options });
  const rows = [];
  const step = options.step ?? 64;
  for (let at = 0; at < bytes.length; at += step) {
    const chunk = bytes.slice(at, at + step);
    rows.push(...reader.push(chunk));
    chunk.fill(0);
  }
  return [...rows, ...reader.end()];
}
const values = (...args: Parameters<typeof read>) => read(...args).map(({ value }) => value);

describe("what pandas writes is read back, in chunks of any size", () => {
  const rows = expected.pairs.map((row) => ({ ...row, n: String(row.n) }));
  test.each(["pairs.csv", "pairs-index.csv", "pairs.tsv"])("%s", (name) => {
    for (const step of [1, 2, 3, 7, 1000]) expect(values(readFileSync(join(GOLDEN, name)), { step })).toEqual(rows);
  });
});

test("rows are counted from 1 after the header; blank lines do not count", () => {
  expect(read("a,b\n1,2\n\n3,4")).toEqual([
    { number: 1, value: { a: "1", b: "2" } },
    { number: 2, value: { a: "3", b: "4" } },
  ]);
});

test("one column needs no delimiter, and semicolons are one", () => {
  expect(values('text\nhello\n"a, b"\n')).toEqual([{ text: "hello" }, { text: "a, b" }]);
  expect(values("a;b\n1,5;2\n")).toEqual([{ a: "1,5", b: "2" }]);
  expect([csvDelimiter("a,b;c,d"), csvDelimiter('"a,b";c'), csvDelimiter("a\tb"), csvDelimiter("a")]).toEqual([
    ...[",", ";", "\t", undefined],
  ]);
});

test.each<[string, string | Uint8Array, string, JsonlOptions?]>([
  ["a header alone", "a,b\n", "d.csv is empty; it needs a row of column names and rows of data"],
  [
    "a row with more cells",
    "a,b\n1,2\n1,2,3\n",
    "row 2 of d.csv has 3 cells, but there are 2 columns; put quotes around",
  ],
  ["a quote left open", 'a,b\n1,"2\n3,4\n', "row 1 of d.csv has a quote that opens in line 2 and is not closed"],
  [
    "a quote left open further on",
    `a,b\n${'1,"x\ny"\n'.repeat(9)}3,"4\n5,6\n`,
    "row 10 of d.csv has a quote that opens in line 20",
  ],
  ["a quote in a quoted cell", 'a,b\n1,"2"3"\n', "row 1 of d.csv has a quote inside a quoted cell in line 2"],
  ["a NUL character", "a,b\n1,2\n1,\u00002\n", "row 2 of d.csv has a NUL character"],
  ["UTF-16", Uint8Array.from(Buffer.from("a,b\n1,2\n", "utf16le")), "d.csv is not UTF-8 (it looks like UTF-16)"],
  ["a header of too many columns", `a${",".repeat(2000)}\n`, "d.csv has 2001 columns; at most 2000 are read"],
  ["a column twice", "a,a\n1,2\n", 'd.csv has the column "a" twice; rename one of them'],
  [
    "bytes that are not UTF-8",
    Uint8Array.of(0x61, 0x0a, 0xe9, 0x0a),
    'is not UTF-8 after row 0; save it as UTF-8 ("CSV UTF-8"',
  ],
  ["too many rows", "a,b\n1,2\n3,4\n", "d.csv has more than 1 rows; split it", { maxLines: 1 }],
  [
    "an endless cell",
    `a,b\n"${"x".repeat(200)}`,
    "row 1 of d.csv, which begins in line 2, has more than 50 characters",
    { maxLineBytes: 50 },
  ],
])("%s is refused", (_name, file, message, options) => {
  expect(() => read(file, options)).toThrow(message);
  expect(() => read(file, options)).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_file" }));
});
