/** Whether schemas plainly exclude each other, so that branches of `oneOf` are alternatives. */
import type { Budget } from "../limits.ts";
import { isObject, type JsonObject, valueKey } from "./json-values.ts";
import { TYPES } from "./negation.ts";
import { below, type Located, listBelow, type SchemaSource } from "./schema-source.ts";

/**
 * Whether no value is valid under all of the schemas, as far as their types, their values and those of their required properties
 * tell. False where that is not plain.
 */
export function exclude(schemas: readonly Located[], { source, budget }: Sources, depth = 0): boolean {
  const pieces = schemas.flatMap((schema) => piecesOf(schema, source));
  budget.spend(2 * pieces.length, "oneOf");
  if (pieces.some(({ schema }) => schema === false)) return true;
  const objects = pieces.filter((piece): piece is Located & { schema: JsonObject } => isObject(piece.schema));
  const types = objects.reduce<ReadonlySet<string>>(
    (all, { schema }) => both(all, typesOf(schema)),
    new Set(ALL_TYPES),
  );
  if (types.size === 0) return true;
  const lists = objects.flatMap(({ schema }) => valuesOf(schema));
  const common = lists.reduce<readonly unknown[] | undefined>((all, list) => {
    const keys = new Set(list.map(valueKey));
    return all === undefined ? list : all.filter((value) => keys.has(valueKey(value)));
  }, undefined);
  if (common?.length === 0) return true;
  const low = Math.max(...objects.map(({ schema }) => numberOr(schema.minimum, Number.NEGATIVE_INFINITY)));
  const high = Math.min(...objects.map(({ schema }) => numberOr(schema.maximum, Number.POSITIVE_INFINITY)));
  if (low > high && [...types].every((type) => type === "number" || type === "integer")) return true;
  if (types.size > 1 || !types.has("object") || depth > 2) return false;
  const required = new Set(objects.flatMap(({ schema }) => (Array.isArray(schema.required) ? schema.required : [])));
  return [...required].some(
    (key) =>
      typeof key === "string" &&
      exclude(
        objects.flatMap((one) => propertyOf(one, key)),
        { source, budget },
        depth + 1,
      ),
  );
}

export interface Sources {
  readonly source: SchemaSource;
  readonly budget: Budget;
}

const ALL_TYPES = [...TYPES, "integer"];

/** A schema with what it refers to and consists of, as far as all of that must hold. */
function piecesOf(located: Located, source: SchemaSource, depth = 0): Located[] {
  const { schema } = located;
  if (typeof schema === "boolean" || depth > 8) return [located];
  return [
    located,
    ...(schema.$ref === undefined ? [] : piecesOf(source.resolve(located), source, depth + 1)),
    ...(schema.allOf === undefined
      ? []
      : listBelow(located, "allOf").flatMap((one) => piecesOf(one, source, depth + 1))),
  ];
}

function typesOf({ type }: JsonObject): ReadonlySet<unknown> {
  if (type === undefined) return new Set(ALL_TYPES);
  const types = new Set(Array.isArray(type) ? type : [type]);
  return types.has("number") ? types.add("integer") : types;
}

function valuesOf({ const: only, enum: values }: JsonObject): (readonly unknown[])[] {
  return [...(only === undefined ? [] : [[only]]), ...(Array.isArray(values) ? [values] : [])];
}

function propertyOf(located: Located & { schema: JsonObject }, key: string): Located[] {
  const { properties, additionalProperties, patternProperties } = located.schema;
  if (isObject(properties) && Object.hasOwn(properties, key))
    return [below(located, "properties", properties[key], key)];
  const isClosed = additionalProperties === false && patternProperties === undefined;
  return isClosed ? [below(located, "additionalProperties", false)] : [];
}

function both(a: ReadonlySet<string>, b: ReadonlySet<unknown>): ReadonlySet<string> {
  return new Set([...a].filter((type) => b.has(type)));
}

const numberOr = (value: unknown, other: number) => (typeof value === "number" ? value : other);
