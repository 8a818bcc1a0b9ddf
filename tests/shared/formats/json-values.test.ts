import { describe, expect, test } from "vitest";
import { createJsonValuesReader } from "../../../shared/formats/json-values.ts";
import type { JsonlOptions } from "../../../shared/formats/jsonl.ts";

function read(text: string | Uint8Array, { step = 5, ...options }: JsonlOptions & { step?: number } = {}) {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const reader = createJsonValuesReader({ name: "d.json", ...options });
  const found = [];
  for (let at = 0; at < bytes.length; at += step) {
    const chunk = bytes.slice(at, at + step);
    found.push(...reader.push(chunk));
    chunk.fill(0);
  }
  return [...found, ...reader.end()];
}

describe("reading", () => {
  const objects = [{ a: 1, b: ['}"\\', { c: "]," }] }, { a: "é 🙂" }, {}];
  test.each([
    ["one line", JSON.stringify(objects)],
    ["printed over many", JSON.stringify(objects, null, 2)],
    [
      "with tabs and CRLF and a byte order mark",
      `\ufeff${JSON.stringify(objects, null, "\t").replaceAll("\n", "\r\n")}\r\n`,
    ],
    ["one after another", objects.map((value) => JSON.stringify(value, null, 2)).join("\n")],
    ["one after another on a line", objects.map((value) => JSON.stringify(value)).join("")],
  ])("%s, in chunks of any size", (_name, text) => {
    for (const step of [1, 2, 3, 11, 1000]) {
      expect(read(text, { step })).toEqual(objects.map((value, at) => ({ number: at + 1, value })));
    }
  });
});

test.each<[string, string | Uint8Array, string, JsonlOptions?]>([
  ["nothing", "", "d.json is empty; it needs a list of JSON objects"],
  ["an empty list", "[]", "d.json is empty; it needs a list of JSON objects"],
  ["a list that breaks off", '[{"a":1},', "d.json ends before its list does; is it complete?"],
  ["an object that breaks off", '[{"a":1},{"b"', "d.json ends in the middle of entry 2; is it complete?"],
  ["entries of other kinds", '[{"a":1}, 5]', "d.json has an entry 2 that is not a JSON object"],
  ["a missing comma", '[{"a":1} {"a":2}]', "d.json lacks a comma before entry 2"],
  ["a comma too many", '[{"a":1},,{"a":2}]', "d.json has an entry 2 that is not a JSON object"],
  ["a comma at the end", '[{"a":1},]', "d.json has an entry 2 that is not a JSON object"],
  ["more after the list", '[{"a":1}] {"a":2}', "d.json continues after the end of its list"],
  ["broken JSON", '[{"a":1},{"a":tru}]', "entry 2 of d.json is not valid JSON"],
  ["a key twice", '[{"a":1,"a":2}]', 'entry 1 of d.json has the key "a" twice'],
  [
    "bytes that are not UTF-8",
    Uint8Array.of(0x5b, 0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x5d),
    "is not UTF-8 in entry 1",
  ],
  [
    "an entry over the cap",
    `[{"a":"${"x".repeat(99)}"}]`,
    "has an entry 1 of more than 50 bytes",
    { maxLineBytes: 50 },
  ],
  ["too many entries", "[{},{}]", "d.json has more than 1 entries; split it", { maxLines: 1 }],
])("%s is refused", (_name, text, message, options) => {
  for (const step of [1, 1000]) {
    expect(() => read(text, { step, ...options })).toThrow(message);
    expect(() => read(text, { step, ...options })).toThrow(expect.objectContaining({ code: "invalid_file" }));
  }
});
