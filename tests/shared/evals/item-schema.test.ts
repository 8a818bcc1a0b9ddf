import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { readItemSchema } from "../../../shared/evals/item-schema.ts";
import type { Schema } from "../../../shared/evals/schema-keywords.ts";
import { createRandom, type Random } from "../../../shared/random.ts";

/** Of draft 7: what later drafts add to it makes ajv break on some schemas. Their keywords are tried one by one below. */
const ajv = new Ajv({ strict: false, validateSchema: false, validateFormats: false, multipleOfPrecision: 9 });

const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, 1, 2, 0.3, -1.5, 7, "", "a", "ab", "abc", "x1", "\u{1f600}\u{1f600}"],
  ...[[], [1], [1, 1], ["a", 2, null], [[1], [1]], {}, { a: 1 }, { a: "ab", b: [1, 2] }, { b: { a: 1 } }],
  ...[{ a: null, c: 1 }, { x1: 1, a: [] }, [{ a: 1 }, { a: 1 }], { a: { a: { a: 2 } } }],
];

/** A random schema over few names, so that most of them say something of most values. */
function randomSchema(random: Random, depth: number): Schema {
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)]!;
  if (depth === 0) return pick<Schema>([true, false, {}, { type: pick(["string", "number", "object", "array"]) }]);
  const inner = () => randomSchema(random, depth - 1);
  const named = () => Object.fromEntries(["a", "b", "c"].filter(() => random.below(2) === 0).map((n) => [n, inner()]));
  const few = () => Array.from({ length: 1 + random.below(3) }, inner);
  const KEYWORDS: Readonly<Record<string, () => unknown>> = {
    type: () => pick<unknown>(["string", "integer", "number", "object", "array", "null", ["boolean", "string"]]),
    enum: () => [pick(VALUES), pick(VALUES), pick(VALUES)],
    const: () => pick(VALUES),
    properties: named,
    patternProperties: () => ({ [pick(["^a", "1$", "[b-c]"])]: inner() }),
    additionalProperties: inner,
    propertyNames: inner,
    required: () => ["a", "b"].filter(() => random.below(2) === 0),
    minProperties: () => random.below(3),
    maxProperties: () => random.below(3),
    items: () => (random.below(2) === 0 ? inner() : few()),
    additionalItems: inner,
    contains: () => pick([{ type: "string" }, { const: 1 }, { type: "object" }]),
    minItems: () => random.below(3),
    maxItems: () => random.below(3),
    uniqueItems: () => random.below(2) === 0,
    minLength: () => random.below(3),
    maxLength: () => random.below(3),
    pattern: () => pick(["^a+$", "b", "^[a-c]{1,2}$", "\\d"]),
    minimum: () => random.below(3),
    exclusiveMaximum: () => random.below(3),
    multipleOf: () => pick([1, 2, 0.1]),
    allOf: few,
    anyOf: few,
    oneOf: few,
    not: inner,
    if: inner,
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: inner,
    else: inner,
    $ref: () => "#/$defs/d",
  };
  const names = Object.keys(KEYWORDS);
  const chosen = Array.from({ length: 1 + random.below(4) }, () => pick(names));
  return Object.fromEntries(chosen.map((name) => [name, KEYWORDS[name]!()]));
}

/** ajv follows a schema that refers to itself until it has no stack left. */
function withoutRef(random: Random): Schema {
  const schema = randomSchema(random, 1);
  return JSON.stringify(schema).includes("$ref") ? withoutRef(random) : schema;
}

it("finds what ajv finds, for random schemas and values", () => {
  const random = createRandom(7, "schemas");
  let [valid, invalid] = [0, 0];
  for (let count = 0; count < 150; count++) {
    const of = randomSchema(random, 3);
    const schema = { ...(typeof of === "boolean" ? { allOf: [of] } : of), $defs: { d: withoutRef(random) } };
    const reference = ajv.compile(schema);
    const own = readItemSchema(schema, "s");
    for (const value of VALUES) {
      const expected = reference(value);
      const found = own.problem(value);
      if ((found === undefined) !== expected) expect({ schema, value, found }).toEqual({ expected });
      if (expected) valid += 1;
      else invalid += 1;
    }
  }
  expect(Math.min(valid, invalid)).toBeGreaterThan(700);
});

const person = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1 },
    tags: { type: "array", items: { enum: ["a", "b"] } },
    parent: { $ref: "#" },
    list: { contains: true },
  },
  required: ["name"],
  additionalProperties: false,
};

it.each([
  [{ name: "x", parent: { name: "y", tags: ["a"] } }, undefined],
  [{}, "item.name is required"],
  [{ name: 3 }, "item.name must be a string"],
  [{ name: "x", parent: { name: "" } }, "item.parent.name must have at least 1 characters"],
  [{ name: "x", tags: ["a", "c"] }, 'item.tags[1] must be one of "a", "b"'],
  [{ name: "x", "odd name": 1 }, 'item["odd name"] is not allowed'],
  ["x", "item must be an object"],
  [{ name: "x", list: [] }, "item.list must have at least 1 entries as its schema's contains says"],
])("says of %j what is wrong", (value, problem) => {
  expect(readItemSchema(person, "s").problem(value)).toBe(problem);
});

it.each<[Schema, unknown, unknown]>([
  [{ prefixItems: [{ type: "string" }], items: false }, ["a"], ["a", 1]],
  [{ prefixItems: [{ type: "string" }] }, ["a", 1], [1]],
  [{ dependentRequired: { a: ["b"] } }, { a: 1, b: 1 }, { a: 1 }],
  [{ dependentSchemas: { a: { maxProperties: 1 } } }, { b: 1, c: 2 }, { a: 1, b: 1 }],
  [{ contains: { const: 1 }, minContains: 2 }, [1, 2, 1], [1, 2]],
  [{ contains: { const: 1 }, minContains: 0, maxContains: 1 }, [], [1, 1]],
])("takes %j as draft 2020-12 does", (schema, valid, invalid) => {
  expect(readItemSchema(schema, "s").problem(valid)).toBeUndefined();
  expect(readItemSchema(schema, "s").problem(invalid)).toBeDefined();
});

describe("a schema is refused by its field", () => {
  it.each([
    ["a keyword that is not supported", { properties: { a: { $dynamicRef: "#x" } } }, "#/properties/a"],
    ["a keyword that would let in what it rules out", { unevaluatedProperties: false }, "unevaluatedProperties"],
    ["a reference that leads nowhere", { $ref: "#/$defs/x" }, "#/$defs/x"],
    ["a reference elsewhere", { $ref: "https://example.com/s" }, "out of the schema"],
    ["what is no schema", { properties: { a: 3 } }, "#/properties/a"],
    ["an unknown type", { type: "text" }, "type"],
    ["a count that is none", { minLength: -1 }, "minLength"],
    ["a pattern that cannot be read", { pattern: "(" }, "pattern"],
    ["schemas without end", JSON.parse(`${'{"not":'.repeat(100)}{}${"}".repeat(100)}`), "deep"],
    ["more than is read", { enum: ["x".repeat(200_000)] }, "characters"],
  ] as const)("%s", (_, schema, named) => {
    const thrown = () => readItemSchema(schema as Schema, "data_source_config.item_schema");
    expect(thrown).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "data_source_config.item_schema" }),
    );
    expect(thrown).toThrow(named);
  });
});

it("ends whatever a schema asks for", () => {
  const doubled = (name: string) => ({ allOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] });
  const names = Array.from({ length: 40 }, (_, i) => `d${i}`);
  const $defs = Object.fromEntries([...names.map((name, i) => [name, doubled(names[i + 1] ?? "end")]), ["end", {}]]);
  expect(() => readItemSchema({ $ref: "#/$defs/d0", $defs }, "s").problem(1)).toThrow("too much work");
  expect(() => readItemSchema({ $ref: "#" }, "s").problem(1)).toThrow("too much work");
  const slow = readItemSchema({ pattern: "^(a+)+$" }, "s");
  expect(slow.problem(`${"a".repeat(50_000)}b`)).toContain("must match");
  const many = Array.from({ length: 200_000 }, (_, i) => i);
  expect(readItemSchema({ uniqueItems: true }, "s").problem(many)).toBeUndefined();
});
