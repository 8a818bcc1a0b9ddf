import { expect, test } from "vitest";
import { KNOWN_COLUMNS, LINE_FORMATS } from "../../../../shared/data/line-formats/registry.ts";

test("no format hides another: a line with the keys of one is of no format before it that does not look into them", () => {
  for (const [index, { keys }] of LINE_FORMATS.entries()) {
    const first = LINE_FORMATS.findIndex(
      (format, at) => (at === index || format.fits === undefined) && format.keys.every((key) => keys.includes(key)),
    );
    expect(first).toBe(index);
  }
});

test("names and keys say which format is meant", () => {
  expect(LINE_FORMATS.map(({ id, name, keys }) => `${id}: ${keys.join(" + ")} (${name})`).slice(0, 4)).toEqual([
    "chat: messages (chat)",
    "lima: conversations (LIMA)",
    "sharegpt: conversations (ShareGPT)",
    "capybara: conversation (Capybara)",
  ]);
  for (const by of ["id", "name"] as const) {
    expect(new Set(LINE_FORMATS.map((format) => format[by])).size).toBe(LINE_FORMATS.length);
  }
  for (const { id } of LINE_FORMATS) expect(id).toMatch(/^[a-z][a-z0-9_]*$/);
});

test("every column that a format is known by is worth decoding", () => {
  for (const { keys } of LINE_FORMATS) for (const key of keys) expect(KNOWN_COLUMNS.has(key), key).toBe(true);
});
