/** Subschemas with the place where they stand, and the references between them. */
import { refuse } from "../limits.ts";
import { isObject, type JsonObject } from "./json-values.ts";
import { ANNOTATIONS, REFUSED, SUPPORTED } from "./keywords.ts";

/** A subschema and its JSON pointer, which tells it from all others. */
export interface Located {
  readonly schema: JsonObject | boolean;
  readonly pointer: string;
}

/** What negation makes of `const`, `pattern` and `integer`, under names that no schema can have. */
export const NOT_TEXTS = Symbol("not these texts");
export const NOT_PATTERN = Symbol("not this pattern");
export const NOT_WHOLE = Symbol("not a whole number");

/** An error about a keyword of a subschema. */
export function refuseKeyword({ pointer }: Located, keyword: string, problem: string) {
  return refuse(`${keyword} at ${pointer}: ${problem}`, { keyword, pointer });
}

/** The subschema below a keyword. Throws if it is no schema. */
export function below(
  parent: Located,
  keyword: string,
  value: unknown,
  ...rest: readonly (string | number)[]
): Located {
  const pointer = [parent.pointer, keyword, ...rest].map((part, i) => (i === 0 ? part : escaped(part))).join("/");
  if (typeof value !== "boolean" && !isObject(value)) {
    throw refuse(`the value at ${pointer} must be a schema: an object, true or false`, { keyword, pointer });
  }
  return { schema: value, pointer };
}

/** The subschemas in a list under a keyword. */
export function listBelow(parent: Located, keyword: string): Located[] {
  const value = (parent.schema as JsonObject)[keyword];
  if (!Array.isArray(value) || (value.length === 0 && keyword !== "prefixItems" && keyword !== "items")) {
    throw refuseKeyword(parent, keyword, "must be a list of schemas");
  }
  return value.map((schema, index) => below(parent, keyword, schema, index));
}

/** The subschemas of an object under a keyword, with their keys; none if the keyword is absent. */
export function mapBelow(parent: Located, keyword: string): [key: string, schema: Located][] {
  const value = (parent.schema as JsonObject)[keyword];
  if (value === undefined) return [];
  if (!isObject(value)) throw refuseKeyword(parent, keyword, "must be an object");
  return Object.entries(value).map(([key, schema]) => [key, below(parent, keyword, schema, key)]);
}

const escaped = (part: string | number) => String(part).replaceAll("~", "~0").replaceAll("/", "~1");

/** Resolves references inside one document, and checks the keywords of what it hands out. */
export class SchemaSource {
  readonly root: Located;
  readonly #checked = new Set<string>();
  #anchored: ReadonlyMap<string, Located> | undefined;

  constructor(schema: unknown) {
    if (typeof schema !== "boolean" && !isObject(schema)) {
      throw refuse("the schema must be an object, true or false");
    }
    this.root = { schema, pointer: "#" };
  }

  /** Refuses keywords that would be ignored although they may hold a text to something. */
  check(located: Located): void {
    const { schema, pointer } = located;
    if (typeof schema === "boolean" || this.#checked.has(pointer)) return;
    this.#checked.add(pointer);
    for (const keyword of Object.keys(schema)) {
      if (SUPPORTED.has(keyword) || ANNOTATIONS.has(keyword) || keyword.startsWith("x-")) continue;
      const instead = REFUSED.get(keyword);
      const isOff = schema[keyword] === true && keyword.startsWith("unevaluated");
      if (isOff || (keyword === "nullable" && schema[keyword] === false)) continue;
      throw refuseKeyword(
        located,
        keyword,
        instead === undefined
          ? "is not a keyword that rules know; remove it or correct its name"
          : `is not supported; ${instead}`,
      );
    }
    if (pointer !== "#" && schema.$id !== undefined) {
      throw refuseKeyword(located, "$id", "is supported at the root only, since it changes what references mean");
    }
  }

  /** The subschemas with an `$anchor`, by its name. */
  #anchors(): ReadonlyMap<string, Located> {
    if (this.#anchored !== undefined) return this.#anchored;
    const found = new Map<string, Located>();
    const open: Located[] = [this.root];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { schema, pointer } = next;
      if (typeof schema === "boolean") continue;
      if (typeof schema.$anchor === "string") found.set(schema.$anchor, next);
      for (const [key, value] of Object.entries(schema)) {
        // What these hold are values, not schemas.
        if (typeof value !== "object" || value === null || ["enum", "const", "default", "examples"].includes(key))
          continue;
        open.push({ schema: value as JsonObject, pointer: `${pointer}/${escaped(key)}` });
      }
    }
    this.#anchored = found;
    return found;
  }

  resolve(located: Located): Located {
    const { $ref: reference } = located.schema as JsonObject;
    if (typeof reference !== "string") throw refuseKeyword(located, "$ref", "must be a text");
    const root = (this.root.schema as JsonObject).$id;
    const own = typeof root === "string" && reference.startsWith(root) ? reference.slice(root.length) : reference;
    if (own === "" || own === "#") return this.root;
    if (!own.startsWith("#/")) {
      const anchored = /^#[A-Za-z_]/.test(own) ? this.#anchors().get(own.slice(1)) : undefined;
      if (anchored !== undefined) return anchored;
      throw refuseKeyword(
        located,
        "$ref",
        `leads to ${JSON.stringify(reference)}; only references such as "#/$defs/name" are supported`,
      );
    }
    let value: unknown = this.root.schema;
    const parts = decoded(own.slice(2))
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    for (const part of parts) {
      const inner =
        Array.isArray(value) || isObject(value) ? Object.getOwnPropertyDescriptor(value, part)?.value : undefined;
      if (inner === undefined)
        throw refuseKeyword(located, "$ref", `leads to ${JSON.stringify(reference)}, which is not there`);
      value = inner;
    }
    const [first, ...rest] = parts;
    return below(this.root, first!, value, ...rest);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
