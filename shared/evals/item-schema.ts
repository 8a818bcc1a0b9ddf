/** Checks items against a JSON schema by reading it: no code is made of it, and a check costs a bounded number of steps. */
import { TrimtabError } from "../errors.ts";
import { Budget } from "../rules/limits.ts";
import { RegexStore } from "../rules/regex/algebra.ts";
import { type Automaton, automatonOf, matches } from "../rules/regex/automaton.ts";
import { textsContaining } from "../rules/regex/pattern.ts";
import {
  isObject,
  type JsonObject,
  type Place,
  referred,
  refused,
  SCHEMA_LIMITS,
  type Schema,
  schemasIn,
} from "./schema-keywords.ts";

/** Steps of one item's check; and schemas inside schemas of one value, which only a `$ref` to itself reaches. */
const WORK = 2_000_000;
const DEPTH = 500;

/** A schema that can be checked. */
export interface ItemSchema {
  /** What is wrong with a value, such as `item.answer must be a string`; undefined for one that is valid. */
  problem(value: unknown, name?: string): string | undefined;
}

/** @throws TrimtabError invalid_request, naming `param`, for a schema that cannot be read */
export function readItemSchema(root: Schema, param: string): ItemSchema {
  if (JSON.stringify(root).length > SCHEMA_LIMITS.characters) {
    throw refused(param, "#", `has more than ${SCHEMA_LIMITS.characters} characters as JSON`);
  }
  const all = schemasIn(root, param);
  const known: Known = { refs: new Map(), patterns: new Map() };
  const regexes = new RegexStore(new Budget());
  for (const [pointer, schema] of all) {
    if (typeof schema === "boolean") continue;
    requireKeywords(schema, { param, pointer });
    if (schema.$ref !== undefined) known.refs.set(schema, referred(schema.$ref, all, { param, pointer }));
    const patterns = isObject(schema.patternProperties) ? Object.keys(schema.patternProperties) : [];
    if (schema.pattern !== undefined) patterns.push(schema.pattern as string);
    for (const pattern of patterns) {
      if (!known.patterns.has(pattern)) known.patterns.set(pattern, patternOf(pattern, regexes, { param, pointer }));
    }
  }
  return { problem: (value, name = "item") => new Check(known).find(root, value, name, 0) };
}

interface Known {
  readonly refs: Map<JsonObject, Schema>;
  readonly patterns: Map<string, Automaton>;
}

const TYPES = ["null", "boolean", "object", "array", "number", "string", "integer"];
const COUNTS = [
  ...["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"],
  ...["minContains", "maxContains"],
];
const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/** Throws for keywords whose values mean nothing. */
function requireKeywords(schema: JsonObject, { param, pointer }: Place): void {
  const need = (keyword: string, isRight: (value: unknown) => boolean, what: string) => {
    if (schema[keyword] === undefined || isRight(schema[keyword])) return;
    throw refused(param, pointer, `needs ${what} as ${keyword}`);
  };
  const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string");
  need(
    "type",
    (value) => [value].flat().length > 0 && [value].flat().every((one) => TYPES.includes(one as string)),
    `one or several of ${TYPES.join(", ")}`,
  );
  need("enum", Array.isArray, "a list");
  need("required", isTexts, "a list of names");
  need("pattern", (value) => typeof value === "string", "a regular expression");
  need("uniqueItems", (value) => typeof value === "boolean", "true or false");
  need("multipleOf", (value) => typeof value === "number" && value > 0, "a number above 0");
  need(
    "dependentRequired",
    (value) => isObject(value) && Object.values(value).every(isTexts),
    "lists of names by name",
  );
  for (const keyword of COUNTS) need(keyword, (value) => Number.isInteger(value) && (value as number) >= 0, "a count");
  for (const keyword of NUMBERS) need(keyword, (value) => typeof value === "number", "a number");
}

/** Patterns are matched without going back, so that none takes time beyond the text's length. */
function patternOf(source: string, regexes: RegexStore, { param, pointer }: Place): Automaton {
  try {
    const automaton = automatonOf(textsContaining(source, regexes), regexes);
    if (automaton !== undefined) return automaton;
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw refused(param, pointer, `has the pattern ${JSON.stringify(source.slice(0, 80))}: ${error.message}`);
  }
  throw refused(param, pointer, `has the pattern ${JSON.stringify(source.slice(0, 80))}, which no text matches`);
}

class Check {
  readonly #known: Known;
  #left = WORK;

  constructor(known: Known) {
    this.#known = known;
  }

  /** The first problem of a value under a schema. */
  find(schema: Schema, value: unknown, at: string, depth: number): string | undefined {
    this.#spend(1, at);
    if (depth > DEPTH) throw tooMuch(at);
    if (typeof schema === "boolean") return schema ? undefined : `${at} is not allowed`;
    const inner = (one: Schema, of: unknown = value, place = at) => this.find(one, of, place, depth + 1);
    const target = this.#known.refs.get(schema);
    return (
      (target === undefined ? undefined : inner(target)) ??
      this.#ofValue(schema, value, at) ??
      (typeof value === "string" ? this.#ofText(schema, value, at) : undefined) ??
      (typeof value === "number" ? ofNumber(schema, value, at) : undefined) ??
      (Array.isArray(value) ? this.#ofList(schema, value, at, inner) : undefined) ??
      (isObject(value) ? this.#ofObject(schema, value, at, inner) : undefined) ??
      ofOthers(schema, at, inner)
    );
  }

  #spend(steps: number, at: string): void {
    this.#left -= steps;
    if (this.#left < 0) throw tooMuch(at);
  }

  #ofValue(schema: JsonObject, value: unknown, at: string): string | undefined {
    if (schema.type !== undefined) {
      const types = [schema.type].flat() as string[];
      if (!types.some((type) => isOf(type, value))) return `${at} must be ${types.map(withArticle).join(" or ")}`;
    }
    if (schema.enum === undefined && !Object.hasOwn(schema, "const")) return undefined;
    const own = this.#keyOf(value, at);
    if (Object.hasOwn(schema, "const") && this.#keyOf(schema.const, at) !== own) {
      return `${at} must be ${shown(schema.const)}`;
    }
    const list = schema.enum as readonly unknown[] | undefined;
    if (list === undefined || list.some((one) => this.#keyOf(one, at) === own)) return undefined;
    return `${at} must be one of ${list.slice(0, 10).map(shown).join(", ")}${list.length > 10 ? ", …" : ""}`;
  }

  #ofText(schema: JsonObject, value: string, at: string): string | undefined {
    const { minLength: least, maxLength: most, pattern } = schema as Numbers & { pattern?: string };
    if (least !== undefined || most !== undefined) {
      this.#spend(value.length / 64, at);
      const length = [...value].length;
      if (least !== undefined && length < least) return `${at} must have at least ${least} characters`;
      if (most !== undefined && length > most) return `${at} must have at most ${most} characters`;
    }
    if (pattern === undefined) return undefined;
    this.#spend(value.length, at);
    return matches(this.#known.patterns.get(pattern)!, value) ? undefined : `${at} must match ${pattern}`;
  }

  #ofList(schema: JsonObject, value: readonly unknown[], at: string, inner: Inner): string | undefined {
    const { minItems: least, maxItems: most, minContains = 1, maxContains } = schema as Numbers;
    if (least !== undefined && value.length < least) return `${at} must have at least ${least} entries`;
    if (most !== undefined && value.length > most) return `${at} must have at most ${most} entries`;
    if (schema.uniqueItems === true && new Set(value.map((one) => this.#keyOf(one, at))).size < value.length) {
      return `${at} must not have an entry twice`;
    }
    const isOldForm = Array.isArray(schema.items);
    const first = ((isOldForm ? schema.items : schema.prefixItems) ?? []) as readonly Schema[];
    const rest = (isOldForm ? schema.additionalItems : schema.items) as Schema | undefined;
    for (const [index, entry] of value.entries()) {
      const own = first[index] ?? rest;
      const problem = own === undefined ? undefined : inner(own, entry, `${at}[${index}]`);
      if (problem !== undefined) return problem;
    }
    if (schema.contains === undefined) return undefined;
    const count = value.filter((entry) => inner(schema.contains as Schema, entry) === undefined).length;
    if (count < minContains) return `${at} must have at least ${minContains} entries as its schema's contains says`;
    return maxContains !== undefined && count > maxContains
      ? `${at} must have at most ${maxContains} entries as its schema's contains says`
      : undefined;
  }

  #ofObject(schema: JsonObject, value: JsonObject, at: string, inner: Inner): string | undefined {
    const names = Object.keys(value);
    this.#spend(names.length, at);
    const { minProperties: least, maxProperties: most } = schema as Numbers;
    if (least !== undefined && names.length < least) return `${at} must have at least ${least} fields`;
    if (most !== undefined && names.length > most) return `${at} must have at most ${most} fields`;
    const missing = ((schema.required ?? []) as readonly string[]).find((name) => !Object.hasOwn(value, name));
    if (missing !== undefined) return `${at}${step(missing)} is required`;
    for (const [name, needed] of Object.entries((schema.dependentRequired ?? {}) as Record<string, string[]>)) {
      const absent = Object.hasOwn(value, name) ? needed.find((one) => !Object.hasOwn(value, one)) : undefined;
      if (absent !== undefined) return `${at}${step(absent)} is required beside ${name}`;
    }
    const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>;
    const patterns = Object.entries((schema.patternProperties ?? {}) as Readonly<Record<string, Schema>>);
    for (const name of names) {
      const place = at + step(name);
      const own = Object.hasOwn(properties, name) ? [properties[name]!] : [];
      for (const [pattern, of] of patterns) {
        this.#spend(name.length, at);
        if (matches(this.#known.patterns.get(pattern)!, name)) own.push(of);
      }
      if (own.length === 0 && schema.additionalProperties !== undefined)
        own.push(schema.additionalProperties as Schema);
      for (const one of own) {
        const problem = inner(one, value[name], place);
        if (problem !== undefined) return problem;
      }
      const ofName = schema.propertyNames === undefined ? undefined : inner(schema.propertyNames as Schema, name, at);
      if (ofName !== undefined) return `${at} has the field ${shown(name)}, whose name is not allowed`;
    }
    for (const [name, of] of Object.entries((schema.dependentSchemas ?? {}) as Readonly<Record<string, Schema>>)) {
      const problem = Object.hasOwn(value, name) ? inner(of) : undefined;
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Equal values have equal keys, whatever the order of their fields. */
  #keyOf(value: unknown, at: string): string {
    if (Array.isArray(value)) return `[${value.map((one) => this.#keyOf(one, at)).join()}]`;
    if (!isObject(value)) {
      const key = JSON.stringify(value);
      this.#spend(1 + key.length / 16, at);
      return key;
    }
    const members = Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${this.#keyOf(value[name], at)}`);
    this.#spend(1 + members.length, at);
    return `{${members.join()}}`;
  }
}

type Inner = (schema: Schema, value?: unknown, at?: string) => string | undefined;
type Numbers = Readonly<Record<string, number | undefined>>;

/** What other schemas of the same value say. */
function ofOthers(schema: JsonObject, at: string, inner: Inner): string | undefined {
  const list = (keyword: string) => (schema[keyword] ?? []) as readonly Schema[];
  for (const one of list("allOf")) {
    const problem = inner(one);
    if (problem !== undefined) return problem;
  }
  const any = list("anyOf");
  if (any.length > 0 && !any.some((one) => inner(one) === undefined)) {
    return any.length === 1 ? inner(any[0]!) : `${at} is valid under none of its schema's anyOf`;
  }
  if (schema.oneOf !== undefined) {
    const valid = list("oneOf").filter((one) => inner(one) === undefined).length;
    if (valid !== 1) return `${at} must be valid under exactly one of its schema's oneOf, and is under ${valid}`;
  }
  if (schema.not !== undefined && inner(schema.not as Schema) === undefined) {
    return `${at} is what its schema's not rules out`;
  }
  if (schema.if === undefined) return undefined;
  const branch = inner(schema.if as Schema) === undefined ? schema.then : schema.else;
  return branch === undefined ? undefined : inner(branch as Schema);
}

function ofNumber(schema: JsonObject, value: number, at: string): string | undefined {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema as Numbers;
  if (minimum !== undefined && value < minimum) return `${at} must be at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `${at} must be at most ${maximum}`;
  if (above !== undefined && value <= above) return `${at} must be more than ${above}`;
  if (below !== undefined && value >= below) return `${at} must be less than ${below}`;
  if (multipleOf === undefined) return undefined;
  const times = value / multipleOf;
  // 0.3 is a multiple of 0.1, though its quotient is a hair off.
  const isWhole = Math.abs(times - Math.round(times)) <= Math.abs(times) * 2 ** -50;
  return isWhole ? undefined : `${at} must be a multiple of ${multipleOf}`;
}

function isOf(type: string, value: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}

const withArticle = (type: string) => (type === "null" ? type : `${/^[aio]/.test(type) ? "an" : "a"} ${type}`);

/** A field's place behind its object's. */
const step = (name: string) => (/^[\p{L}\p{N}_$-]+$/u.test(name) ? `.${name}` : `[${shown(name)}]`);

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function tooMuch(at: string): TrimtabError {
  return new TrimtabError(
    "invalid_request",
    `${at} takes too much work to check against the schema; simplify the schema`,
  );
}
