import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatDate } from "../../../../shared/model/template/dates.ts";

const golden: { formats: string[]; dates: [string, string[]][] } = JSON.parse(
  readFileSync(new URL("../../../golden/templates/dates.json", import.meta.url), "utf8"),
);

describe("formatDate", () => {
  test.each(golden.dates)("equals Python's strftime on %s", (date, texts) => {
    expect(golden.formats.map((format) => formatDate(new Date(date), format))).toEqual(texts);
  });

  test("an unknown code is an error that names it", () => {
    expect(() => formatDate(new Date(0), "%Q")).toThrow("formats a date with %Q");
    expect(formatDate(new Date(0), "100%")).toBe("100%");
  });
});
