import { expect, test } from "vitest";
import { JsonObject } from "../../../../shared/model/calls/json-object.ts";

const TEXTS = ["{}", '{"a": "}"}', '{"a": "\\"}", "b": [{"c": "]"}]}', '{"\\\\": {"{": 1}}', '{"a": "\\u007d"}'];

test.each(TEXTS)("finds the end of %s, in whatever pieces it comes", (text) => {
  for (let cut = 0; cut <= text.length; cut++) {
    const json = new JsonObject();
    const first = json.push(text.slice(0, cut));
    expect(first).toBe(cut);
    expect(json.ended).toBe(cut === text.length);
    expect(json.push(`${text.slice(cut)} }"x`)).toBe(text.length - cut);
    expect(json.ended).toBe(true);
  }
});

test("takes all of an object that does not end", () => {
  const json = new JsonObject();
  expect(json.push('{"a": "}')).toBe(8);
  expect(json.push("}}}")).toBe(3);
  expect(json.ended).toBe(false);
});
