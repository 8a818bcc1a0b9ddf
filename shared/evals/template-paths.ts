/** Which of an item's fields a schema shows not to be there, so that a template that names one is refused before it is run. */
import { isObject, type JsonObject, type Schema } from "./schema-keywords.ts";

/** Schemas that are looked at for one path: a schema may branch at each of them. */
const WORK = 1000;

/**
 * The part of a path at which no valid item goes on, such as `item.answr`; undefined where one may.
 *
 * @param schema one that `readItemSchema` takes
 */
export function missingPath(schema: Schema, steps: readonly string[], root = "item"): string | undefined {
  const search = { root: schema, left: WORK };
  let reached: readonly Schema[] = [schema];
  let path = root;
  for (const step of steps) {
    path += /^\d+$/.test(step) ? `[${step}]` : `.${step}`;
    const next: Schema[] = [];
    for (const one of reached) next.push(...stepsFrom(one, step, search));
    if (next.length === 0 && search.left > 0) return path;
    // Where a schema is too branched to follow, anything may be there.
    if (search.left <= 0 || next.includes(true)) return undefined;
    reached = [...new Set(next)];
  }
  return undefined;
}

interface Search {
  readonly root: Schema;
  left: number;
}

/** What a value's field or entry may be; `true` is anything, and nothing at all where it has none. */
function stepsFrom(schema: Schema, step: string, search: Search): Schema[] {
  search.left -= 1;
  if (search.left <= 0 || schema === true) return [true];
  if (schema === false) return [];
  const { type } = schema;
  const types = type === undefined ? undefined : [type].flat();
  if (types !== undefined && !types.includes("object") && !types.includes("array")) return [];
  // All of these hold together, so a field that one of them rules out is not there.
  const together = [schema.$ref === undefined ? undefined : target(schema.$ref, search), ...listOf(schema.allOf)];
  const found: Schema[][] = [ownSteps(schema, step)];
  for (const one of together) if (one !== undefined) found.push(stepsFrom(one, step, search));
  for (const keyword of ["anyOf", "oneOf"] as const) {
    const any = listOf(schema[keyword]);
    if (any.length > 0) found.push(any.flatMap((one) => stepsFrom(one, step, search)));
  }
  // A field is named by one of them at least; others that list none of it say nothing of it.
  const named = found.filter((of) => of.length > 0 && !of.includes(true));
  if (named.length > 0) return named.flat();
  return found.some((of) => of.length === 0) ? [] : [true];
}

/** What a schema itself says of a field or an entry: `[true]` where it says nothing. */
function ownSteps(schema: JsonObject, step: string): Schema[] {
  const isIndex = /^\d+$/.test(step);
  if (isIndex && !saysFields(schema)) {
    const first = (Array.isArray(schema.items) ? schema.items : (schema.prefixItems ?? [])) as readonly Schema[];
    const rest = (Array.isArray(schema.items) ? schema.additionalItems : schema.items) as Schema | undefined;
    const own = first[Number(step)] ?? rest ?? true;
    return own === false ? [] : [own];
  }
  if (!saysFields(schema)) return [true];
  const properties = isObject(schema.properties) ? (schema.properties as Readonly<Record<string, Schema>>) : {};
  if (Object.hasOwn(properties, step)) return properties[step] === false ? [] : [properties[step]!];
  if (schema.patternProperties !== undefined) return [true];
  const rest = schema.additionalProperties as Schema | undefined;
  if (rest !== undefined) return rest === false ? [] : [rest];
  // A schema that lists fields is taken to list all of them, unless it says that there are others.
  return Object.keys(properties).length > 0 && !hasOthers(schema) ? [] : [true];
}

const saysFields = (schema: JsonObject) =>
  isObject(schema.properties) || schema.additionalProperties !== undefined || schema.patternProperties !== undefined;

/** Whether further fields may come from other parts of the schema. */
const hasOthers = (schema: JsonObject) =>
  ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"].some((keyword) => schema[keyword] !== undefined);

const listOf = (value: unknown) => (Array.isArray(value) ? (value as Schema[]) : []);

/** Where a local `$ref` leads; anything where it cannot be followed. */
function target(ref: unknown, { root }: Search): Schema {
  let at: unknown = root;
  for (const step of String(ref).slice(1).split("/").slice(1)) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return true;
    at = (at as JsonObject)[name];
  }
  return isObject(at) || typeof at === "boolean" ? at : true;
}
