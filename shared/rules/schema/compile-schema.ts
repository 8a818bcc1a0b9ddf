/** From a JSON schema to a term whose texts are exactly the JSON documents that are valid under it. */
import type { RuleBuilder } from "../builder.ts";
import type { Term } from "../machine/terms.ts";
import { type Alternative, Alternatives } from "./alternatives.ts";
import { requireCaps } from "./caps.ts";
import { isScalar, valueTerm } from "./json-values.ts";
import { type Inner, listTerm } from "./lists.ts";
import type { JsonType } from "./negation.ts";
import { type Bound, decimalOf, numberLanguage } from "./numbers.ts";
import { objectTerm } from "./objects.ts";
import { allowedTypes, listedValues, numbersOf, type Piece, piecesOf } from "./pieces.ts";
import { type Located, NOT_WHOLE, refuseKeyword, SchemaSource } from "./schema-source.ts";
import { stringTerm } from "./strings.ts";
import { hasShape, isValidUnder } from "./valid.ts";

/**
 * The documents are written without white space but for one optional space after each comma and colon, as `JSON.stringify` and
 * Python's `json.dumps` write them. Throws `invalid_request` for a schema over the caps, and for one that has a keyword which
 * cannot be followed exactly, naming the keyword and its place.
 */
export function schemaTerm(schema: unknown, builder: RuleBuilder): Term {
  requireCaps(schema);
  const compiler = new SchemaCompiler(new SchemaSource(schema), builder);
  return compiler.all();
}

/** Any JSON object. */
export function anyObject(builder: RuleBuilder): Term {
  return schemaTerm({ type: "object" }, builder);
}

class SchemaCompiler implements Inner {
  readonly builder: RuleBuilder;
  readonly #source: SchemaSource;
  readonly #alternatives: Alternatives;
  readonly #document: number;
  readonly #due: { readonly name: string; readonly schemas: readonly Located[] }[] = [];
  readonly #named = new Set<string>();

  constructor(source: SchemaSource, builder: RuleBuilder) {
    this.#source = source;
    this.builder = builder;
    this.#document = builder.document();
    this.#alternatives = new Alternatives(source, builder.budget);
  }

  all(): Term {
    const root = this.term([this.#source.root]);
    // Terms name others, which are made one after another here: schemas may refer to themselves.
    for (let next = this.#due.pop(); next !== undefined; next = this.#due.pop()) {
      this.builder.budget.spend(4, "the schema");
      this.builder.terms.define(next.name, this.#body(next.schemas));
    }
    return root;
  }

  term(schemas: readonly Located[]): Term {
    const own = distinct(schemas);
    if (own.some(({ schema }) => schema === false)) return this.builder.terms.nothing;
    const name = `${this.#document}:${own.map(({ pointer }) => pointer).join(" & ")}`;
    if (!this.#named.has(name)) {
      this.#named.add(name);
      this.#due.push({ name, schemas: own });
    }
    return this.builder.terms.name(name);
  }

  values(schemas: readonly Located[]): readonly unknown[] | undefined {
    const lists = this.#alternatives.ofAll(schemas).map((alternative) => this.#values(piecesOf(alternative)));
    return lists.every((list) => list !== undefined) ? lists.flat() : undefined;
  }

  isValid(value: unknown, schemas: readonly Located[]): boolean {
    return isValidUnder(value, schemas, this.#alternatives, this);
  }

  #body(schemas: readonly Located[]): Term {
    return this.builder.terms.or(this.#alternatives.ofAll(schemas).map((one) => this.#ofAlternative(one)));
  }

  #ofAlternative(alternative: Alternative): Term {
    const pieces = piecesOf(alternative);
    const values = this.#values(pieces);
    const { terms } = this.builder;
    if (values !== undefined) {
      const scalars = values.filter(isScalar).map((value) => JSON.stringify(value));
      const others = values.filter((value) => !isScalar(value)).map((value) => valueTerm(this.builder, value));
      return terms.or([this.builder.literals(scalars), ...others]);
    }
    const { types, integer } = allowedTypes(pieces);
    return terms.or([...types].map((type) => this.#ofType(type, integer, pieces)));
  }

  /** The listed values that are valid otherwise; undefined if none are listed. */
  #values(pieces: readonly Piece[]): readonly unknown[] | undefined {
    const types = allowedTypes(pieces);
    const listed = listedValues(pieces);
    if (listed !== undefined) return listed.filter((value) => hasShape(value, types, pieces, this));
    const only = [...types.types];
    if (!only.every((type) => type === "null" || type === "boolean")) return undefined;
    return only.flatMap((type) => (type === "null" ? [null] : [true, false]));
  }

  #ofType(type: JsonType, integer: boolean, pieces: readonly Piece[]): Term {
    switch (type) {
      case "null":
        return this.builder.literals(["null"]);
      case "boolean":
        return this.builder.literals(["true", "false"]);
      case "number":
        return this.#number(integer, pieces);
      case "string":
        return stringTerm(pieces, this.builder);
      case "array":
        return listTerm(pieces, this);
      case "object":
        return objectTerm(pieces, this);
    }
  }

  #number(integer: boolean, pieces: readonly Piece[]): Term {
    const divided = pieces.find(({ schema }) => typeof schema.multipleOf === "number" && !isSmall(schema.multipleOf));
    if (divided !== undefined) {
      throw refuseKeyword(divided, "multipleOf", "is supported with up to 5 digits and 24 decimal places");
    }
    const minimum = strictest(pieces, ["minimum", "exclusiveMinimum"], (a, b) => a > b);
    const maximum = strictest(pieces, ["maximum", "exclusiveMaximum"], (a, b) => a < b);
    const language = numberLanguage(
      {
        integer,
        multiples: numbersOf(pieces, "multipleOf"),
        fractional: pieces.some(({ schema }) => Reflect.has(schema, NOT_WHOLE)),
        ...(minimum === undefined ? {} : { minimum }),
        ...(maximum === undefined ? {} : { maximum }),
      },
      this.builder.regexes,
    );
    return this.builder.regex(language, "utf8", `the number at ${pieces[0]?.pointer ?? "#"}`);
  }
}

function isSmall(divisor: number): boolean {
  if (!(divisor > 0)) return true;
  const { digits, places } = decimalOf(divisor);
  return digits < 100_000n && places <= 24;
}

function strictest(
  pieces: readonly Piece[],
  [inclusive, exclusive]: readonly [string, string],
  isStricter: (a: number, b: number) => boolean,
): Bound | undefined {
  const bounds: Bound[] = [
    ...numbersOf(pieces, inclusive).map((value) => ({ value, exclusive: false })),
    ...numbersOf(pieces, exclusive).map((value) => ({ value, exclusive: true })),
  ];
  return bounds.reduce<Bound | undefined>((best, bound) => {
    if (best === undefined || isStricter(bound.value, best.value)) return bound;
    return bound.value === best.value && bound.exclusive ? bound : best;
  }, undefined);
}

function distinct(schemas: readonly Located[]): Located[] {
  const found = new Map(schemas.filter(({ schema }) => schema !== true).map((located) => [located.pointer, located]));
  return [...found.values()];
}
