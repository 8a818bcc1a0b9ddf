import { expect, test } from "vitest";
import { LINE_FORMATS } from "../../../../shared/data/line-formats/registry.ts";

test("no format hides another: a line with the keys of one is of no format before it", () => {
  for (const [index, { keys }] of LINE_FORMATS.entries()) {
    const first = LINE_FORMATS.findIndex((format) => format.keys.every((key) => keys.includes(key)));
    expect(first).toBe(index);
  }
});

test("names and keys say which format is meant", () => {
  expect(LINE_FORMATS.map(({ name, keys }) => `${keys.join(" + ")} (${name})`)).toEqual([
    "messages (chat)",
    "prompt + completion (prompt and completion)",
    "conversations (ShareGPT)",
    "question + response (OpenOrca)",
    "instruction + output (Alpaca)",
    "instruction + response (Dolly)",
    "inputs + targets (FLAN and Natural Instructions)",
  ]);
});
