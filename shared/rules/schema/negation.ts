/** Schemas for the values that another schema rules out, for `not`, `else` and overlapping branches of `oneOf`. */

import { isScalar, type JsonObject } from "./json-values.ts";
import { ANNOTATIONS } from "./keywords.ts";
import {
  below,
  type Located,
  listBelow,
  mapBelow,
  NOT_PATTERN,
  NOT_TEXTS,
  NOT_WHOLE,
  refuseKeyword,
  type SchemaSource,
} from "./schema-source.ts";

export const TYPES = ["null", "boolean", "number", "string", "array", "object"] as const;
export type JsonType = (typeof TYPES)[number];

type Schema = JsonObject | boolean;

/**
 * The negation of a schema: any of its keywords fails. Throws `invalid_request` for a keyword whose negation has no exact form,
 * by name.
 */
export function negated(located: Located, source: SchemaSource, depth = 0): Located {
  const { schema, pointer } = located;
  const at = `${pointer}/¬`;
  if (typeof schema === "boolean") return { schema: !schema, pointer: at };
  if (depth > 16) throw refuseKeyword(located, "not", "goes too deep; simplify it");
  source.check(located);
  const failures = Object.keys(schema)
    .filter((keyword) => !ANNOTATIONS.has(keyword) && !keyword.startsWith("x-"))
    .flatMap((keyword) => failuresOf(located, keyword, source, depth));
  return { schema: { anyOf: failures.length === 0 ? [false] : failures }, pointer: at };
}

/** Schemas of which one holds exactly if the keyword fails. */
function failuresOf(located: Located, keyword: string, source: SchemaSource, depth: number): Schema[] {
  const schema = located.schema as JsonObject;
  const value = schema[keyword];
  const inverse = (inner: Located) => negated(inner, source, depth + 1).schema;
  const failing = (type: JsonType, keywords: JsonObject) => [{ type, ...keywords }];
  switch (keyword) {
    case "type":
      return notOfTypes(value);
    case "const":
      return notEqual(located, keyword, [value]);
    case "enum":
      return Array.isArray(value) ? notEqual(located, keyword, value) : [];
    case "$ref":
      return [inverse(source.resolve(located))];
    case "allOf":
      return listBelow(located, keyword).map(inverse);
    case "anyOf":
      return [{ allOf: listBelow(located, keyword).map(inverse) }];
    case "not":
      return [below(located, keyword, value).schema];
    case "required":
      return Array.isArray(value) ? value.flatMap((key) => failing("object", { properties: { [key]: false } })) : [];
    case "properties":
      return mapBelow(located, keyword).flatMap(([key, inner]) =>
        failing("object", { required: [key], properties: { [key]: inverse(inner) } }),
      );
    case "minimum":
      return failing("number", { exclusiveMaximum: value });
    case "maximum":
      return failing("number", { exclusiveMinimum: value });
    case "exclusiveMinimum":
      return failing("number", { maximum: value });
    case "exclusiveMaximum":
      return failing("number", { minimum: value });
    case "minLength":
      return lengths(value, "string", "maxLength", -1);
    case "maxLength":
      return lengths(value, "string", "minLength", 1);
    case "minItems":
      return lengths(value, "array", "maxItems", -1);
    case "maxItems":
      return lengths(value, "array", "minItems", 1);
    case "pattern":
      return failing("string", { [NOT_PATTERN]: value } as JsonObject);
    default:
      throw refuseKeyword(located, keyword, "is not supported inside not, if, or branches of oneOf that overlap");
  }
}

function lengths(value: unknown, type: JsonType, keyword: string, by: number): Schema[] {
  const limit = Number(value) + by;
  return limit < 0 ? [] : [{ type, [keyword]: limit }];
}

function notOfTypes(value: unknown): Schema[] {
  const types = Array.isArray(value) ? value : [value];
  const isWhole = types.includes("integer") && !types.includes("number");
  const others = TYPES.filter((type) => !types.includes(type) && !(isWhole && type === "number"));
  return [
    ...(others.length === 0 ? [] : [{ type: others }]),
    ...(isWhole ? [{ type: "number", [NOT_WHOLE]: true } as JsonObject] : []),
  ];
}

/** Values unlike all of these: of another type, or other ones of the same. */
function notEqual(located: Located, keyword: string, values: readonly unknown[]): Schema[] {
  if (!values.every(isScalar)) {
    throw refuseKeyword(
      located,
      keyword,
      "with an object or a list is not supported inside not, if, or branches of oneOf that overlap",
    );
  }
  const texts = values.filter((value) => typeof value === "string");
  const numbers = [...new Set(values.filter((value) => typeof value === "number"))].sort((a, b) => a - b);
  const booleans = [true, false].filter((value) => !values.includes(value));
  const bounds = [Number.NEGATIVE_INFINITY, ...numbers, Number.POSITIVE_INFINITY];
  const gaps = bounds.slice(1).map((high, index) => ({
    type: "number",
    ...(Number.isFinite(bounds[index]!) ? { exclusiveMinimum: bounds[index] } : {}),
    ...(Number.isFinite(high) ? { exclusiveMaximum: high } : {}),
  }));
  return [
    { type: ["array", "object", ...(values.includes(null) ? [] : ["null"])] },
    ...(booleans.length === 0 ? [] : [{ enum: booleans }]),
    ...gaps,
    { type: "string", [NOT_TEXTS]: texts } as JsonObject,
  ];
}
