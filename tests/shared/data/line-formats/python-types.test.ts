import { expect, test } from "vitest";
import { schemaOfParameters } from "../../../../shared/data/line-formats/python-types.ts";

const property = (type: string) => (schemaOfParameters({ a: { type } }) as { properties: { a: unknown } }).properties.a;

test.each<[string, unknown]>([
  ["str", { type: "string" }],
  ["int", { type: "integer" }],
  ["float", { type: "number" }],
  ["bool", { type: "boolean" }],
  ["dict", { type: "object" }],
  ["Dict[str, int]", { type: "object" }],
  ["List[List[float]]", { type: "array", items: { type: "array", items: { type: "number" } } }],
  ["set", { type: "array" }],
  ["Tuple[int, str]", { type: "array" }],
  ["List[Union[int, float]]", { type: "array" }],
  ["Optional[str]", { type: "string" }],
  ["Callable[[float], float]", {}],
  ["Any", {}],
  ["constructor", {}],
])("%s", (type, schema) => {
  expect(property(type)).toEqual(schema);
  expect(property(`${type}, optional`)).toEqual(schema);
});

test("a parameter is required unless it is optional or has a default", () => {
  const declared = {
    ...{ a: { type: "Dict[str, int]" }, b: { type: "str, optional" }, c: { type: "int", default: 0 } },
    ...{ d: { type: "Optional[int]" }, e: { description: "no type" } },
  };
  expect(schemaOfParameters(declared)).toMatchObject({ required: ["a", "e"] });
  expect(schemaOfParameters({ b: { type: "str, optional" } })).not.toHaveProperty("required");
});

test.each([[{ a: "str" }], [{ a: { type: ["str"] } }], ["str"], [[]]])("%j is not declared like this", (declared) => {
  expect(schemaOfParameters(declared)).toBeUndefined();
});

test("a type of a megabyte is left open at once", () => {
  for (const type of ["List[".repeat(200_000), ",".repeat(1_000_000), "[,".repeat(500_000)]) {
    expect(schemaOfParameters({ a: { type } })).toEqual({ type: "object", properties: { a: {} }, required: ["a"] });
  }
});
