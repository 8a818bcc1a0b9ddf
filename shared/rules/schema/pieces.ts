/** Reads keywords out of the subschemas that hold together for one value, and checks their arguments. */
import { isObject, type JsonObject, valueKey } from "./json-values.ts";
import type { JsonType } from "./negation.ts";
import { TYPES } from "./negation.ts";
import { below, type Located, listBelow, mapBelow, refuseKeyword } from "./schema-source.ts";

export type Piece = Located & { readonly schema: JsonObject };

export function piecesOf(schemas: readonly Located[]): Piece[] {
  return schemas.filter((located): located is Piece => isObject(located.schema));
}

export interface AllowedTypes {
  readonly types: ReadonlySet<JsonType>;
  /** Whether numbers must be whole. */
  readonly integer: boolean;
}

export function allowedTypes(pieces: readonly Piece[]): AllowedTypes {
  let types: readonly JsonType[] = TYPES;
  let integer = false;
  for (const piece of pieces) {
    const { type } = piece.schema;
    if (type === undefined) continue;
    const named = Array.isArray(type) ? type : [type];
    const unknown = named.find((one) => one !== "integer" && !TYPES.includes(one as JsonType));
    if (unknown !== undefined || named.length === 0) {
      throw refuseKeyword(piece, "type", `must be one or several of ${TYPES.join(", ")}, integer`);
    }
    const whole = named.includes("integer") && !named.includes("number");
    types = types.filter((one) => named.includes(one) || (one === "number" && whole));
    integer ||= whole;
  }
  return { types: new Set(types), integer };
}

/** The values that `enum` and `const` leave; undefined without them. */
export function listedValues(pieces: readonly Piece[]): readonly unknown[] | undefined {
  let values: readonly unknown[] | undefined;
  for (const piece of pieces) {
    if (piece.schema.enum !== undefined && !Array.isArray(piece.schema.enum)) {
      throw refuseKeyword(piece, "enum", "must be a list of values");
    }
    const own = [
      ...(Array.isArray(piece.schema.enum) ? [piece.schema.enum as unknown[]] : []),
      ...(piece.schema.const === undefined ? [] : [[piece.schema.const]]),
    ];
    for (const list of own) {
      const keys = new Map(list.map((value) => [valueKey(value), value]));
      values = values === undefined ? [...keys.values()] : values.filter((value) => keys.has(valueKey(value)));
    }
  }
  return values;
}

/** The strictest of all bounds that a keyword sets: whole, not negative. */
export function countOf(pieces: readonly Piece[], keyword: string, pick: "max" | "min"): number {
  const counts = pieces.flatMap((piece) => {
    const value = piece.schema[keyword];
    if (value === undefined) return [];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
      throw refuseKeyword(piece, keyword, "must be a whole number, 0 or more");
    }
    return [value];
  });
  return pick === "max" ? Math.max(0, ...counts) : Math.min(Number.POSITIVE_INFINITY, ...counts);
}

/** Every finite number that a keyword gives. */
export function numbersOf(pieces: readonly Piece[], keyword: string): number[] {
  return pieces.flatMap((piece) => {
    const value = piece.schema[keyword];
    if (value === undefined) return [];
    if (typeof value !== "number" || !Number.isFinite(value)) throw refuseKeyword(piece, keyword, "must be a number");
    if (keyword === "multipleOf" && value <= 0) throw refuseKeyword(piece, keyword, "must be more than 0");
    return [value];
  });
}

/** Every text that a keyword gives, with where it stands. */
export function textsOf(pieces: readonly Piece[], keyword: string): { readonly text: string; readonly piece: Piece }[] {
  return pieces.flatMap((piece) => {
    const text = piece.schema[keyword];
    if (text === undefined) return [];
    if (typeof text !== "string") throw refuseKeyword(piece, keyword, "must be a text");
    return [{ text, piece }];
  });
}

export function requiredKeys(pieces: readonly Piece[]): Set<string> {
  const keys = pieces.flatMap((piece) => {
    const { required = [] } = piece.schema;
    if (!Array.isArray(required) || !required.every((key) => typeof key === "string")) {
      throw refuseKeyword(piece, "required", "must be a list of keys");
    }
    return required as string[];
  });
  return new Set(keys);
}

/** One subschema's say about the members of an object. */
export interface Members {
  readonly piece: Piece;
  readonly properties: ReadonlyMap<string, Located>;
  readonly patterns: readonly (readonly [source: string, schema: Located])[];
  readonly additional: Located;
  readonly names: Located | undefined;
}

export function membersOf(piece: Piece): Members {
  const { additionalProperties = true, propertyNames } = piece.schema;
  return {
    piece,
    properties: new Map(mapBelow(piece, "properties")),
    patterns: mapBelow(piece, "patternProperties"),
    additional: below(piece, "additionalProperties", additionalProperties),
    names: propertyNames === undefined ? undefined : below(piece, "propertyNames", propertyNames),
  };
}

/** One subschema's say about the entries of a list. */
export interface Entries {
  readonly prefix: readonly Located[];
  readonly rest: Located;
}

/** `items` as a list, with `additionalItems`, is the form of older drafts. */
export function entriesOf(piece: Piece): Entries {
  const { items = true, prefixItems, additionalItems = true } = piece.schema;
  if (Array.isArray(items)) {
    return { prefix: listBelow(piece, "items"), rest: below(piece, "additionalItems", additionalItems) };
  }
  return {
    prefix: prefixItems === undefined ? [] : listBelow(piece, "prefixItems"),
    rest: below(piece, "items", items),
  };
}
