import { describe, expect, test } from "vitest";
import { parseStrictJson, quoteName, RECORD_JSON } from "../../../shared/formats/strict-json.ts";

const parse = (text: string) => parseStrictJson(text, "the header", "invalid_model");

describe("parseStrictJson", () => {
  test.each([
    '{"a":1,"b":{"a":[1,{"a":2},{"a":3}]},"c":"a"}',
    '[{"a":"{\\"a\\":1,\\"a\\":2}"},{"a":1}]',
    '{"a":["b","b"],"b":"\\\\"}',
    '{"__proto__":1,"constructor":2}',
    '"text"',
    "{}",
  ])("accepts %s like JSON.parse", (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['{"a":1,"a":2}', '"a"'],
    ['{"x":[{"k":{},"b":1,"k":3}]}', '"k"'],
    ['{"a":1,"\\u0061":2}', '"a"'],
    ['{"__proto__":1,"b":[],"__proto__":2}', '"__proto__"'],
  ])("refuses the repeated key in %s", (text, key) => {
    expect(() => parse(text)).toThrow(`the header has the key ${key} twice; keep one of them`);
  });

  test("describes text that is not JSON", () => {
    expect(() => parse("{'a':1}")).toThrow(/^the header is not valid JSON: /);
  });

  test("deep nesting neither overflows nor hangs", () => {
    const depth = 100_000;
    expect(() => parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)).not.toThrow(RangeError);
  });
});

test("quoteName escapes and cuts", () => {
  expect(quoteName('a"\n')).toBe('"a\\"\\n"');
  expect(quoteName("x".repeat(500))).toHaveLength(122);
});

describe("what no reader could pass on", () => {
  const read = (text: string) => parseStrictJson(text, "line 3", "invalid_file", RECORD_JSON);

  test.each(['"\\ud83d"', '["\\uDE00"]', '{"a":"\\ud83dx"}', '"\\ud83d\\ud83d\\ude00"', '"\\\\\\ud83d"'])(
    "%s has half of a character",
    (text) => {
      expect(() => read(text)).toThrow(/line 3 has half of a character, \\u[dD]/);
    },
  );

  test.each(['"\\ud83d\\ude00"', '"\\\\ud83d"', '"\\u00e9"', '"\\ud83D\\uDe00"'])("%s is whole", (text) => {
    expect(read(text)).toBe(JSON.parse(text));
  });

  test("is nested too deep", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    read(nested(256));
    expect(() => read(nested(257))).toThrow("line 3 is nested 257 levels deep; at most 256 levels");
    expect(() => read(nested(1_000_000))).toThrow(/levels deep/);
  });
});
