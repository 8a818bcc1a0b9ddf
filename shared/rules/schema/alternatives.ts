/**
 * Takes schemas apart into alternatives without `anyOf`, `$ref` and the like: each is a list of subschemas of which all must
 * hold, so that what is left are keywords about one value.
 */
import { type Budget, RULE_LIMITS } from "../limits.ts";
import { exclude } from "./exclusion.ts";
import type { JsonObject } from "./json-values.ts";
import { negated } from "./negation.ts";
import { below, type Located, listBelow, refuseKeyword, type SchemaSource } from "./schema-source.ts";

/** Subschemas that hold together, in the order in which they were written. */
export type Alternative = readonly Located[];

export class Alternatives {
  readonly source: SchemaSource;
  readonly #known = new Map<string, readonly Alternative[]>();
  readonly #open = new Set<string>();
  readonly #budget: Budget;

  constructor(source: SchemaSource, budget: Budget) {
    this.source = source;
    this.#budget = budget;
  }

  /** A value is valid under all the schemas if it is under one of the alternatives. */
  ofAll(schemas: readonly Located[]): readonly Alternative[] {
    return schemas.reduce<readonly Alternative[]>((all, schema) => this.#product(all, this.of(schema), schema), [[]]);
  }

  of(located: Located): readonly Alternative[] {
    const { schema, pointer } = located;
    if (schema === true) return [[]];
    if (schema === false) return [];
    const known = this.#known.get(pointer);
    if (known !== undefined) return known;
    if (this.#open.has(pointer))
      throw refuseKeyword(located, "$ref", "leads back to itself without a value in between");
    this.source.check(located);
    this.#open.add(pointer);
    const found = this.#conditions(located).reduce<readonly Alternative[]>(
      (all, condition) => this.#product(all, condition, located),
      [[located]],
    );
    this.#open.delete(pointer);
    this.#known.set(pointer, found);
    return found;
  }

  /** The alternatives of every keyword that has some; all keywords must hold. */
  #conditions(located: Located): (readonly Alternative[])[] {
    const schema = located.schema as JsonObject;
    const conditions: (readonly Alternative[])[] = [];
    if (schema.$ref !== undefined) conditions.push(this.of(this.source.resolve(located)));
    if (schema.allOf !== undefined) conditions.push(...listBelow(located, "allOf").map((inner) => this.of(inner)));
    if (schema.anyOf !== undefined) conditions.push(this.#either(listBelow(located, "anyOf")));
    if (schema.oneOf !== undefined) conditions.push(this.#one(located));
    if (schema.not !== undefined) conditions.push(this.of(this.not(below(located, "not", schema.not))));
    if (schema.if !== undefined) conditions.push(...this.#conditional(located));
    for (const [key, needed] of dependencies(located)) {
      const absent = { schema: { properties: { [key]: false } }, pointer: `${needed.pointer}/absent` };
      const present = { schema: { required: [key] }, pointer: `${needed.pointer}/present` };
      conditions.push([...this.of(absent), ...this.ofAll([present, needed])]);
    }
    return conditions;
  }

  #either(branches: readonly Located[]): readonly Alternative[] {
    return branches.flatMap((branch) => this.of(branch));
  }

  /** Branches that exclude each other are alternatives; of others, each must hold without the rest. */
  #one(located: Located): readonly Alternative[] {
    const branches = listBelow(located, "oneOf");
    const overlap = branches.some((a, i) =>
      branches.slice(i + 1).some((b) => !exclude([a, b], { source: this.source, budget: this.#budget })),
    );
    if (!overlap) return this.#either(branches);
    return branches.flatMap((branch) =>
      this.ofAll([branch, ...branches.filter((other) => other !== branch).map((other) => this.not(other))]),
    );
  }

  #conditional(located: Located): (readonly Alternative[])[] {
    const { if: condition, then: met, else: unmet } = located.schema as JsonObject;
    if (met === undefined && unmet === undefined) return [];
    const holds = below(located, "if", condition);
    const branch = (keyword: string, schema: unknown) =>
      schema === undefined ? [] : [below(located, keyword, schema)];
    return [
      [...this.ofAll([holds, ...branch("then", met)]), ...this.ofAll([this.not(holds), ...branch("else", unmet)])],
    ];
  }

  /** A schema for the values that are not valid under this one. */
  not(located: Located): Located {
    return negated(located, this.source);
  }

  #product(all: readonly Alternative[], more: readonly Alternative[], located: Located): readonly Alternative[] {
    if (all.length * more.length > RULE_LIMITS.alternatives) {
      throw refuseKeyword(
        located,
        "anyOf",
        `combines into more than ${RULE_LIMITS.alternatives} alternatives, together with oneOf, allOf and the like; simplify it`,
      );
    }
    this.#budget.spend(all.length * more.length, "the schema");
    return all.flatMap((one) => more.map((other) => [...one, ...other.filter((schema) => !includes(one, schema))]));
  }
}

const includes = (alternative: Alternative, { pointer }: Located) => alternative.some((one) => one.pointer === pointer);

/** `dependentRequired`, `dependentSchemas` and `dependencies` as a schema for each key that must hold where the key is present. */
function dependencies(located: Located): [key: string, needed: Located][] {
  const found: [string, Located][] = [];
  for (const keyword of ["dependentRequired", "dependentSchemas", "dependencies"]) {
    const value = (located.schema as JsonObject)[keyword];
    if (value === undefined) continue;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw refuseKeyword(located, keyword, "must be an object");
    }
    for (const [key, needed] of Object.entries(value)) {
      const isList = Array.isArray(needed) && keyword !== "dependentSchemas";
      found.push([key, below(located, keyword, isList ? { required: needed } : needed, key)]);
    }
  }
  return found;
}
