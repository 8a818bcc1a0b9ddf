/** What a schema may measure, before anything is made of it. */
import { RULE_LIMITS, refuse } from "../limits.ts";
import { isObject } from "./json-values.ts";

/** Throws `invalid_request` if a schema is larger than rules may be. Goes through it without recursion. */
export function requireCaps(schema: unknown): void {
  const values = new Count(RULE_LIMITS.schemaNodes, "values");
  const characters = new Count(RULE_LIMITS.schemaCharacters, "characters");
  const properties = new Count(RULE_LIMITS.properties, "properties");
  const enums = new Count(RULE_LIMITS.enumValues, "enum values");
  const names = new Count(RULE_LIMITS.nameCharacters, "characters of names, enums and consts");
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: schema, depth: 1 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    values.add(1);
    if (typeof value === "string") characters.add(value.length);
    if (typeof value !== "object" || value === null) continue;
    // A subschema lies up to two levels of JSON below the one that holds it.
    if (depth > 2 * RULE_LIMITS.schemaNesting) {
      throw refuse(`the schema nests more than ${RULE_LIMITS.schemaNesting} levels deep; make it flatter`);
    }
    if (isObject(value)) {
      const keys = isObject(value.properties) ? Object.keys(value.properties) : [];
      const listed = Array.isArray(value.enum) ? value.enum : [];
      properties.add(keys.length);
      enums.add(listed.length);
      names.add(lengthOf([...keys, ...listed, value.const]));
    }
    for (const [key, inner] of Object.entries(value)) {
      characters.add(key.length);
      open.push({ value: inner, depth: depth + 1 });
    }
  }
}

class Count {
  readonly #most: number;
  readonly #unit: string;
  #count = 0;

  constructor(most: number, unit: string) {
    this.#most = most;
    this.#unit = unit;
  }

  add(more: number): void {
    this.#count += more;
    if (this.#count > this.#most) {
      throw refuse(`the schema has more than ${this.#most} ${this.#unit}; make it smaller`);
    }
  }
}

function lengthOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === "string" ? value.length : 0), 0);
}
