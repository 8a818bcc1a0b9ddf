import { describe, expect, test } from "vitest";
import { parseStrictJson, quoteName } from "../../../shared/formats/strict-json.ts";

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
