import { expect, it } from "vitest";
import { dropNulls } from "../../../shared/api/drop-nulls.ts";

const dropped = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  dropNulls(value);
  return value;
};

it("deletes properties that are null, at any depth and inside lists", () => {
  expect(dropped('{"a":null,"b":{"c":null,"d":[{"e":null,"f":0}]},"g":""}')).toEqual({
    b: { d: [{ f: 0 }] },
    g: "",
  });
});

it("leaves everything else as it is, null elements of lists included", () => {
  for (const text of ["null", "0", '"null"', "[]", "[null,1]", '{"a":[null],"b":false,"c":"","d":{}}']) {
    expect(dropped(text)).toEqual(JSON.parse(text));
  }
});

it("treats __proto__ as a name like any other", () => {
  expect(Object.keys(dropped('{"__proto__":null,"a":1}') as object)).toEqual(["a"]);
});

it("goes as deep as JSON does", () => {
  const depth = 100_000;
  const value = dropped(`${'{"a":'.repeat(depth)}null${"}".repeat(depth)}`);
  let levels = 0;
  for (let at = value as { a?: object } | undefined; at !== undefined; at = at.a as typeof at) levels++;
  expect(levels).toBe(depth);
});

it("leaves what the kept properties hold, but not a kept property that is null", () => {
  const value: unknown = JSON.parse('{"a":{"b":null},"c":[{"a":[{"d":null}]}],"e":{"a":null,"f":null}}');
  dropNulls(value, new Set(["a"]));
  expect(value).toEqual({ a: { b: null }, c: [{ a: [{ d: null }] }], e: {} });
});
