import { describe, expect, it } from "vitest";
import { compileRule } from "../../../../shared/rules/compile.ts";
import { acceptsBytes, byteVocabulary } from "../vocabularies.ts";

const compile = (schema: unknown) => compileRule({ json_schema: schema }, byteVocabulary);

/** The values whose JSON the schema accepts. */
function accepted(schema: unknown, values: readonly unknown[]): unknown[] {
  const rule = compile(schema);
  return values.filter((value) => acceptsBytes(rule, JSON.stringify(value)));
}

describe("keywords that cannot be followed exactly", () => {
  it.each<readonly [unknown, RegExp]>([
    [{ type: "array", contains: { type: "string" } }, /^contains at #: is not supported/],
    [
      { properties: { a: { unevaluatedProperties: false } } },
      /^unevaluatedProperties at #\/properties\/a: is not supported/,
    ],
    [{ items: { $dynamicRef: "#x" } }, /^\$dynamicRef at #\/items/],
    [{ type: "string", nullable: true }, /^nullable at #: is not supported; use "type"/],
    [{ type: "string", minlength: 3 }, /^minlength at #: is not a keyword that rules know/],
    [{ type: "string", format: "iri" }, /^format at #: "iri" is not supported; use date, /],
    [
      { properties: { "a/b": { pattern: "(?=x)" } } },
      /^pattern at #\/properties\/a~1b: the regular expression has a lookahead/,
    ],
    [{ patternProperties: { "\\1": {} } }, /^patternProperties at #: .*backreference/],
    [{ type: "array", uniqueItems: true }, /^uniqueItems at #: is supported only where items is an enum/],
    [
      { type: "object", minProperties: 2 },
      /^minProperties at #: above 1 is not supported where other keys are allowed/,
    ],
    [{ type: "number", multipleOf: 1234567 }, /^multipleOf at #: is supported with up to 5 digits/],
    [{ propertyNames: { anyOf: [{ pattern: "a" }] } }, /^propertyNames at #: with anyOf is not supported/],
    [
      { not: { properties: { a: { patternProperties: {} } } } },
      /^patternProperties at #\/not\/properties\/a: is not supported inside not/,
    ],
    [{ $ref: "other.json" }, /^\$ref at #: leads to "other.json"; only references such as/],
    [{ $ref: "#/$defs/gone" }, /^\$ref at #: leads to "#\/\$defs\/gone", which is not there/],
    [{ $ref: "#" }, /^\$ref at #: leads back to itself/],
    [
      { properties: { a: { $id: "https://example.org/a" } } },
      /^\$id at #\/properties\/a: is supported at the root only/,
    ],
    [
      { allOf: Array.from({ length: 9 }, (_, i) => ({ anyOf: [{ required: [`a${i}`] }, { required: [`b${i}`] }] })) },
      /more than 256 alternatives/,
    ],
  ])("%j is refused by name and place", (schema, message) => {
    expect(() => compile(schema)).toThrow(message);
  });

  it.each<readonly [unknown, RegExp]>([
    [[], /the schema must be an object, true or false/],
    [{ type: "text" }, /^type at #: must be one or several of/],
    [{ type: [] }, /^type at #: must be/],
    [{ enum: "a" }, /^enum at #: must be a list/],
    [{ minLength: -1 }, /^minLength at #: must be a whole number/],
    [{ minimum: "1" }, /^minimum at #: must be a number/],
    [{ multipleOf: 0 }, /^multipleOf at #: must be more than 0/],
    [{ required: "a" }, /^required at #: must be a list of keys/],
    [{ properties: [] }, /^properties at #: must be an object/],
    [{ anyOf: [] }, /^anyOf at #: must be a list of schemas/],
    [{ items: "string" }, /^the value at #\/items must be a schema/],
    [{ pattern: 3 }, /^pattern at #: must be a text/],
    [{ dependentRequired: 3 }, /^dependentRequired at #: must be an object/],
  ])("%j is no schema", (schema, message) => {
    expect(() => compile(schema)).toThrow(message);
  });
});

describe("numbers", () => {
  const around = [
    -30, -20.5, -20, -19.99, -1, -0.5, -0.125, 0, 0.001, 0.5, 1, 2.5, 3, 9, 9.99, 10, 10.01, 99, 100, 101, 1000,
  ];
  it.each<readonly [object, (value: number) => boolean]>([
    [{ minimum: -20, maximum: 100 }, (value) => value >= -20 && value <= 100],
    [{ exclusiveMinimum: -20, exclusiveMaximum: 100 }, (value) => value > -20 && value < 100],
    [{ minimum: 9.99 }, (value) => value >= 9.99],
    [{ exclusiveMaximum: 9.99 }, (value) => value < 9.99],
    [{ maximum: -0.125 }, (value) => value <= -0.125],
    [{ exclusiveMinimum: 0 }, (value) => value > 0],
    [{ minimum: 0.001, maximum: 0.5 }, (value) => value >= 0.001 && value <= 0.5],
    [{ multipleOf: 0.5 }, (value) => value % 0.5 === 0],
    [{ multipleOf: 3, minimum: -20 }, (value) => value % 3 === 0 && value >= -20],
    [{ multipleOf: 0.001, maximum: 10 }, (value) => value <= 10 && Number.isInteger(Math.round(value * 1e6) / 1e3)],
    [{ type: "integer", minimum: -25 }, (value) => Number.isInteger(value) && value >= -25],
    [{ not: { type: "integer" } }, (value) => !Number.isInteger(value)],
    [{ not: { enum: [10, 0, "a"] } }, (value) => value !== 10 && value !== 0],
  ])("under %j are those in bounds", (schema, isIn) => {
    expect(accepted({ type: "number", ...schema }, around)).toEqual(around.filter(isIn));
  });

  it("are held to bounds with many digits", () => {
    for (const bound of [7, 10, 123, 1000, 90071992547]) {
      const values = [bound - 1, bound, bound + 1, bound * 10, Math.floor(bound / 10), -bound, -bound - 1];
      expect(accepted({ type: "integer", minimum: bound }, values)).toEqual(values.filter((value) => value >= bound));
      expect(accepted({ type: "integer", maximum: bound }, values)).toEqual(values.filter((value) => value <= bound));
      expect(accepted({ type: "integer", minimum: -bound }, values)).toEqual(values.filter((value) => value >= -bound));
    }
  });

  it("are never infinite", () => {
    const rule = compile({ type: "number" });
    for (const text of ["1e307", "9.5E+307", "1e-999", "123e279", "0.1"])
      expect(acceptsBytes(rule, text), text).toBe(true);
    for (const text of ["1e308", "12e307", "01", ".5", "1.", "+1", "1e", "NaN", "-"])
      expect(acceptsBytes(rule, text), text).toBe(false);
  });
});

describe("white space", () => {
  it("is one space after a comma or a colon at most", () => {
    const rule = compile({
      type: "object",
      properties: { a: { type: "array", items: { type: "integer" } } },
      required: ["a"],
      additionalProperties: false,
    });
    for (const text of ['{"a":[1,2]}', '{"a": [1, 2]}', '{"a":[1, 2]}'])
      expect(acceptsBytes(rule, text), text).toBe(true);
    for (const text of ['{ "a":[1]}', '{"a":  [1]}', '{"a":[1,  2]}', '{"a":[1] }', '{"a":\n[1]}', ' {"a":[1]}']) {
      expect(acceptsBytes(rule, text), text).toBe(false);
    }
  });
});

describe("enums", () => {
  it("keep the values that hold otherwise", () => {
    const values = ["a", "ab", "abc", 1, 2.5, -3, null, true, [1], [1, "x"], { a: 1 }, { a: 1, b: 2 }];
    expect(accepted({ enum: values, maxLength: 2 }, values)).toEqual(values.filter((value) => value !== "abc"));
    expect(accepted({ enum: values, type: ["string", "integer"] }, values)).toEqual(["a", "ab", "abc", 1, -3]);
    expect(accepted({ enum: values, minItems: 2, required: ["b"] }, values)).toEqual(
      values.filter((value) => JSON.stringify(value) !== "[1]" && JSON.stringify(value) !== '{"a":1}'),
    );
    expect(
      accepted({ allOf: [{ enum: ["a", { b: 1, a: 2 }] }, { enum: [{ a: 2, b: 1 }, "c"] }] }, [
        "a",
        "c",
        { b: 1, a: 2 },
      ]),
    ).toEqual([{ b: 1, a: 2 }]);
  });
});
