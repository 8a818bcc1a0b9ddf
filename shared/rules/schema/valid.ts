/** Whether a value that a schema lists is valid under the rest of the schema. */
import { matches } from "../regex/automaton.ts";
import { textsContaining } from "../regex/pattern.ts";
import type { Alternatives } from "./alternatives.ts";
import { isObject, valueKey } from "./json-values.ts";
import type { Inner } from "./lists.ts";
import { decimalOf } from "./numbers.ts";
import {
  allowedTypes,
  countOf,
  entriesOf,
  listedValues,
  membersOf,
  numbersOf,
  type Piece,
  piecesOf,
  requiredKeys,
} from "./pieces.ts";
import { type Located, NOT_WHOLE } from "./schema-source.ts";
import { stringAutomaton } from "./strings.ts";

export function isValidUnder(value: unknown, schemas: readonly Located[], all: Alternatives, inner: Inner): boolean {
  return all.ofAll(schemas).some((alternative) => holds(value, piecesOf(alternative), inner));
}

function holds(value: unknown, pieces: readonly Piece[], inner: Inner): boolean {
  const { types, integer } = allowedTypes(pieces);
  const listed = listedValues(pieces);
  if (listed !== undefined && !listed.some((one) => valueKey(one) === valueKey(value))) return false;
  return hasShape(value, { types, integer }, pieces, inner);
}

/** The same without `enum` and `const`. */
export function hasShape(
  value: unknown,
  { types, integer }: ReturnType<typeof allowedTypes>,
  pieces: readonly Piece[],
  inner: Inner,
): boolean {
  if (value === null) return types.has("null");
  switch (typeof value) {
    case "boolean":
      return types.has("boolean");
    case "number":
      return types.has("number") && (!integer || Number.isInteger(value)) && isWithin(value, pieces);
    case "string":
      return types.has("string") && isText(value, pieces, inner);
  }
  if (Array.isArray(value)) return types.has("array") && isList(value, pieces, inner);
  return isObject(value) && types.has("object") && isObjectOf(value, pieces, inner);
}

function isWithin(value: number, pieces: readonly Piece[]): boolean {
  return (
    (!Number.isInteger(value) || !pieces.some(({ schema }) => Reflect.has(schema, NOT_WHOLE))) &&
    numbersOf(pieces, "minimum").every((bound) => value >= bound) &&
    numbersOf(pieces, "maximum").every((bound) => value <= bound) &&
    numbersOf(pieces, "exclusiveMinimum").every((bound) => value > bound) &&
    numbersOf(pieces, "exclusiveMaximum").every((bound) => value < bound) &&
    numbersOf(pieces, "multipleOf").every((divisor) => isMultiple(value, divisor))
  );
}

/** In decimals, so that 0.3 is a multiple of 0.1. */
function isMultiple(value: number, divisor: number): boolean {
  const [a, b] = [decimalOf(Math.abs(value)), decimalOf(divisor)];
  const places = Math.max(a.places, b.places);
  const scaled = ({ digits, places: own }: typeof a) => digits * 10n ** BigInt(places - own);
  return scaled(a) % scaled(b) === 0n;
}

function isText(value: string, pieces: readonly Piece[], { builder }: Inner): boolean {
  const automaton = stringAutomaton(pieces, builder);
  return automaton !== undefined && matches(automaton, value);
}

function isList(value: readonly unknown[], pieces: readonly Piece[], inner: Inner): boolean {
  const [least, most] = [countOf(pieces, "minItems", "max"), countOf(pieces, "maxItems", "min")];
  if (value.length < least || value.length > most) return false;
  if (pieces.some(({ schema }) => schema.uniqueItems === true) && new Set(value.map(valueKey)).size < value.length) {
    return false;
  }
  return pieces
    .map(entriesOf)
    .every(({ prefix, rest }) => value.every((entry, index) => inner.isValid(entry, [prefix[index] ?? rest])));
}

function isObjectOf(value: Readonly<Record<string, unknown>>, pieces: readonly Piece[], inner: Inner): boolean {
  const keys = Object.keys(value);
  if (keys.length < countOf(pieces, "minProperties", "max") || keys.length > countOf(pieces, "maxProperties", "min")) {
    return false;
  }
  if (![...requiredKeys(pieces)].every((key) => Object.hasOwn(value, key))) return false;
  return pieces.map(membersOf).every(({ piece, properties, patterns, additional, names }) =>
    keys.every((key) => {
      if (names !== undefined && !inner.isValid(key, [names])) return false;
      const own = properties.get(key);
      const matched = patterns.flatMap(([source, schema]) => (finds(source, key, piece, inner) ? [schema] : []));
      const schemas = [...(own === undefined ? [] : [own]), ...matched];
      return inner.isValid(value[key], schemas.length === 0 ? [additional] : schemas);
    }),
  );
}

function finds(source: string, key: string, piece: Piece, { builder }: Inner): boolean {
  const automaton = builder.automaton(
    textsContaining(source, builder.regexes),
    `patternProperties at ${piece.pointer}`,
  );
  return automaton !== undefined && matches(automaton, key);
}
