import { describe, expect, test } from "vitest";
import { Budget } from "../../../../shared/model/template/budget.ts";
import { fromJson, toJson } from "../../../../shared/model/template/json.ts";

const write = (text: string) =>
  toJson(
    fromJson(text),
    { ensureAscii: false, indent: undefined, itemSeparator: ", ", keySeparator: ": ", sortKeys: false },
    new Budget({ messages: 1, characters: 1000 }),
  );

describe("fromJson", () => {
  test.each([
    ['{"b":1,"10":2,"a":[]}', '{"b": 1, "10": 2, "a": []}'],
    ["[1.0,1,-0,-0.0,1e2,1E-7,12345678901234567890]", "[1.0, 1, 0, -0.0, 100.0, 1e-07, 12345678901234567890]"],
    ["[NaN, Infinity, -Infinity, true, null]", "[NaN, Infinity, -Infinity, true, null]"],
    [' { "a" : "\\u00e9\\ud83d\\ude00\\n\\"" } ', '{"a": "é😀\\n\\""}'],
    ['{"a":1,"a":2}', '{"a": 2}'],
  ])("%s", (text, expected) => {
    expect(write(text)).toBe(expected);
  });

  test.each([
    ["", 1],
    ["{", 2],
    ['{"a":1', 7],
    ["[1,]", 4],
    ["{a: 1}", 2],
    ["[01]", 3],
    ["1 2", 3],
    ['"a', 1],
    ['"\\x"', 1],
    ["tru", 1],
  ])("%s is invalid at character %i", (text, at) => {
    expect(() => fromJson(text)).toThrow(new SyntaxError(`invalid JSON at character ${at}`));
  });

  test("line breaks in texts and deep nesting are invalid", () => {
    expect(() => fromJson('"a\nb"')).toThrow("control character");
    expect(() => fromJson("[".repeat(99))).toThrow("nests more than 32 levels deep");
  });

  test("takes linear time", () => {
    const started = performance.now();
    expect(fromJson(`"${"x".repeat(1_000_000)}"`)).toHaveLength(1_000_000);
    expect(() => fromJson(`"${"x".repeat(1_000_000)}`)).toThrow("invalid JSON");
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
