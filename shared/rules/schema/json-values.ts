/** JSON values as data: comparison, and how rules write them. */
import type { RuleBuilder } from "../builder.ts";
import type { Term } from "../machine/terms.ts";

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Equal values, whatever the order of their keys, have equal keys here. */
export function valueKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueKey).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${valueKey(value[key])}`);
  return `{${members.join()}}`;
}

export const isScalar = (value: unknown) => typeof value !== "object" || value === null;

/** A comma or the colon of a key may be followed by one space, and nothing else may hold white space. */
export function separator(builder: RuleBuilder): Term {
  return builder.literals([",", ", "]);
}

/** The key of a member, with its colon. */
export function keyOf(builder: RuleBuilder, name: string): Term {
  const text = JSON.stringify(name);
  return builder.literals([`${text}:`, `${text}: `]);
}

/** Exactly this value, as `JSON.stringify` writes it but for spaces. */
export function valueTerm(builder: RuleBuilder, value: unknown): Term {
  const { terms } = builder;
  if (isScalar(value)) return builder.literals([JSON.stringify(value)]);
  const entries = Array.isArray(value)
    ? value.map((entry) => valueTerm(builder, entry))
    : Object.entries(value as JsonObject).map(([key, inner]) =>
        terms.sequence([keyOf(builder, key), valueTerm(builder, inner)]),
      );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const listed = entries.flatMap((entry, index) => (index === 0 ? [entry] : [separator(builder), entry]));
  return terms.sequence([builder.literals([open]), ...listed, builder.literals([close])]);
}
