import { expect, test } from "vitest";
import { KNOWN_COLUMNS, LINE_FORMATS } from "../../../../shared/data/line-formats/registry.ts";

test("no format hides another: a line with the keys of one is of no format before it", () => {
  for (const [index, { keys }] of LINE_FORMATS.entries()) {
    const first = LINE_FORMATS.findIndex((format) => format.keys.every((key) => keys.includes(key)));
    expect(first).toBe(index);
  }
});

test("names and keys say which format is meant", () => {
  expect(LINE_FORMATS.map(({ name, keys }) => `${keys.join(" + ")} (${name})`).slice(0, 4)).toEqual([
    "messages (chat)",
    "conversations (ShareGPT)",
    "conversation (LMSYS)",
    "contents (Gemini)",
  ]);
  expect(new Set(LINE_FORMATS.map(({ name }) => name)).size).toBe(LINE_FORMATS.length);
});

test("every column that a format is known by is worth decoding", () => {
  for (const { keys } of LINE_FORMATS) for (const key of keys) expect(KNOWN_COLUMNS.has(key), key).toBe(true);
});
