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
    ['{"a":1,"b":2,"c":3,"b":4}', '"b"'],
    ['{"":1,"":2}', '""'],
    ['{"\\\\":1,"x\\"":2,"\\u005c":3}', '"\\\\"'],
    ['{"__proto__":1,"b":[],"__proto__":2}', '"__proto__"'],
  ])("refuses the repeated key in %s", (text, key) => {
    expect(() => parse(text)).toThrow(`the header has the key ${key} twice; keep one of them`);
  });

  test.each(["{'a':1}", '{"a', '{"\\', '["\\u', '{"a\\u00":1}', "]}{", '{"\\x":1}', ""])(
    "describes %j, which is not JSON",
    (text) => {
      expect(() => parse(text)).toThrow(/^the header is not valid JSON: /);
    },
  );

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
    expect(() => read(nested(100_000))).toThrow(/levels deep/);
  });

  test("has more values or names than are parsed together", () => {
    const list = (length: number, item: string) => `[${new Array<string>(length).fill(item).join(",")}]`;
    // The list itself is one, and so is the first entry's place.
    read(list(249_999, "1"));
    expect(() => read(list(250_001, "1"))).toThrow("line 3 has more than 250000 values, and no more are read together");
    expect(() => read(list(200_000, "[]"))).toThrow("250000 values");
    expect(() => read(list(65_537, '{"a":"b"}'))).toThrow("line 3 has more than 65536 names of members");
    // What stands in texts is not counted.
    expect(read(JSON.stringify(list(200_000, '{"a":[]}')))).toContain("[{");
  });

  test("an error of its own may say so, before the text is parsed", () => {
    const options = { maxValues: 3, tooMany: "payload_too_large" } as const;
    expect(() => parseStrictJson("[1,2,3,4,", "it", "invalid_json", options)).toThrow(
      expect.objectContaining({ code: "payload_too_large" }),
    );
    expect(parseStrictJson("[1]", "it", "invalid_json", options)).toEqual([1]);
  });
});
