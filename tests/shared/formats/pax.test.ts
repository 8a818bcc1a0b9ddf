import { expect, test } from "vitest";
import { parsePaxRecords } from "../../../shared/formats/pax.ts";

const parse = (text: string) => {
  const records = parsePaxRecords(new TextEncoder().encode(text));
  return records && [...records];
};

test("a length counts the bytes of the whole record", () => {
  expect(parse("12 path=a/b\n11 path=é\n30 mtime=1700000000.123456789\n")).toEqual([
    ["path", "é"],
    ["mtime", "1700000000.123456789"],
  ]);
  expect(parse("16 comment=a=\nb\n")).toEqual([["comment", "a=\nb"]]);
  expect(parse("8 path=\n")).toEqual([["path", ""]]);
  expect(parse("")).toEqual([]);
});

test.each([
  "12 path=a/b",
  "13 path=a/b\n",
  "11 path=a/b\n",
  "0 \n",
  "-1 a=b\n",
  "x path=a\n",
  "7 patha\n",
  "9999999999 a=b\n",
  "\0\0",
])("%j is not a list of records", (text) => {
  expect(parse(text)).toBeUndefined();
});
