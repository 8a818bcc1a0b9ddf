/** JSON Schema as data: which keywords hold schemas, and where a `$ref` leads. */
import { TrimtabError } from "../errors.ts";

export type JsonObject = { readonly [key: string]: unknown };
export type Schema = boolean | JsonObject;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keywords whose value is a schema, a list of them, and schemas by name. */
const ONE = ["additionalProperties", "additionalItems", "propertyNames", "contains", "not", "if", "then", "else"];
const LIST = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];

/** Keywords that decide what is valid and that are not supported; ignoring one would let in what it rules out. */
const REFUSED = [
  "$dynamicRef",
  "$recursiveRef",
  "$anchor",
  "$dynamicAnchor",
  "unevaluatedProperties",
  "unevaluatedItems",
];

export const SCHEMA_LIMITS = {
  /** Characters as JSON, schemas inside it, and levels of them. */
  characters: 100_000,
  schemas: 5000,
  depth: 64,
} as const;

/**
 * Every schema inside a schema, itself first, with its JSON pointer.
 *
 * @throws TrimtabError invalid_request, naming `param`, for what is no schema, uses a keyword that is not supported or is too large
 */
export function schemasIn(root: unknown, param: string): Map<string, Schema> {
  const found = new Map<string, Schema>();
  const open: { readonly value: unknown; readonly pointer: string; readonly depth: number }[] = [
    { value: root, pointer: "#", depth: 1 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, pointer, depth } = next;
    const refuse = (problem: string) => refused(param, pointer, problem);
    if (typeof value !== "boolean" && !isObject(value)) throw refuse("must be a schema: an object, true or false");
    found.set(pointer, value);
    if (found.size > SCHEMA_LIMITS.schemas) throw refuse(`is one of more than ${SCHEMA_LIMITS.schemas} schemas`);
    if (depth > SCHEMA_LIMITS.depth) throw refuse(`is more than ${SCHEMA_LIMITS.depth} schemas deep`);
    if (typeof value === "boolean") continue;
    const unsupported = REFUSED.find((keyword) => Object.hasOwn(value, keyword));
    if (unsupported !== undefined)
      throw refuse(`uses ${unsupported}, which is not supported; write the schema without it`);
    const add = (inner: unknown, ...steps: readonly (string | number)[]) =>
      open.push({ value: inner, pointer: [pointer, ...steps.map(escaped)].join("/"), depth: depth + 1 });
    for (const keyword of ONE) if (Object.hasOwn(value, keyword)) add(value[keyword], keyword);
    for (const keyword of LIST) {
      if (!Object.hasOwn(value, keyword)) continue;
      const list = value[keyword];
      if (!Array.isArray(list) || list.length === 0) throw refuse(`needs a list of schemas as ${keyword}`);
      for (const [index, inner] of list.entries()) add(inner, keyword, index);
    }
    for (const keyword of NAMED) {
      if (!Object.hasOwn(value, keyword)) continue;
      const named = value[keyword];
      if (!isObject(named)) throw refuse(`needs an object of schemas as ${keyword}`);
      for (const [name, inner] of Object.entries(named)) add(inner, keyword, name);
    }
    // Before 2020-12 `items` could be the list that is `prefixItems` now.
    if (Array.isArray(value.items)) for (const [index, inner] of value.items.entries()) add(inner, "items", index);
    else if (Object.hasOwn(value, "items")) add(value.items, "items");
  }
  return found;
}

const escaped = (step: string | number) => String(step).replaceAll("~", "~0").replaceAll("/", "~1");

/** Where a `$ref` leads, among the schemas of its root. Throws invalid_request for one that leads nowhere. */
export function referred(ref: unknown, all: ReadonlyMap<string, Schema>, { param, pointer }: Place): Schema {
  const isLocal = typeof ref === "string" && ref.startsWith("#");
  if (!isLocal) throw refused(param, pointer, "has a $ref that leads out of the schema; use one such as #/$defs/name");
  let target: string;
  try {
    target = decodeURIComponent(ref);
  } catch {
    target = ref;
  }
  const found = all.get(target);
  if (found === undefined)
    throw refused(param, pointer, `has a $ref to ${target.slice(0, 100)}, which is no schema of it`);
  return found;
}

export interface Place {
  readonly param: string;
  readonly pointer: string;
}

export function refused(param: string, pointer: string, problem: string): TrimtabError {
  const where = pointer === "#" ? `\`${param}\`` : `\`${param}\`, at ${pointer},`;
  return new TrimtabError("invalid_request", `${where} ${problem}.`, { param });
}
