/**
 * The objects that the subschemas of an object leave. Members come in the order in which the schema declares them, then required
 * keys without a declaration, then all others.
 */

import { RULE_LIMITS } from "../limits.ts";
import type { Term } from "../machine/terms.ts";
import type { Regex } from "../regex/algebra.ts";
import { matches } from "../regex/automaton.ts";
import { textsContaining } from "../regex/pattern.ts";
import { keyOf, separator } from "./json-values.ts";
import type { Inner } from "./lists.ts";
import { countOf, type Members, membersOf, type Piece, piecesOf, requiredKeys } from "./pieces.ts";
import { type Located, refuseKeyword } from "./schema-source.ts";
import { named, stringLanguage } from "./strings.ts";

interface Member {
  readonly term: Term;
  readonly required: boolean;
}

export function objectTerm(pieces: readonly Piece[], inner: Inner): Term {
  const { builder } = inner;
  const { terms } = builder;
  const all = pieces.map(membersOf);
  const required = requiredKeys(pieces);
  const declared = new Set(all.flatMap(({ properties }) => [...properties.keys()]));
  const keys = [...declared, ...[...required].filter((key) => !declared.has(key))];
  const shapes = patternsOf(all, inner);
  const members = keys.map((key): Member => {
    const isNamed = all.every(({ names }) => names === undefined || inner.isValid(key, [names]));
    const schemas = all.flatMap((one) => schemasOf(key, one, shapes));
    const value = isNamed && schemas.every(({ schema }) => schema !== false) ? inner.term(schemas) : terms.nothing;
    return { term: terms.sequence([keyOf(builder, key), value]), required: required.has(key) };
  });
  const extra = extraMembers(all, keys, shapes, inner);
  const [least, most] = [countOf(pieces, "minProperties", "max"), countOf(pieces, "maxProperties", "min")];
  if (least > 1 && extra !== terms.nothing && [...required].length < least) {
    const piece = pieces.find(({ schema }) => schema.minProperties !== undefined)!;
    throw refuseKeyword(
      piece,
      "minProperties",
      "above 1 is not supported where other keys are allowed; set additionalProperties to false",
    );
  }
  const content = new Chain(members, extra, [Math.min(least, 1 + members.length), most], inner).content();
  return terms.sequence([builder.literals(["{"]), content, builder.literals(["}"])]);
}

/** Builds what may follow each member, from the last to the first. */
class Chain {
  readonly #members: readonly Member[];
  readonly #extra: Term;
  readonly #least: number;
  readonly #most: number;
  readonly #inner: Inner;
  readonly #comma: Term;
  readonly #known = new Map<string, Term>();
  /** One more than the last required member. */
  readonly #lastRequired: number;

  constructor(members: readonly Member[], extra: Term, [least, most]: readonly [number, number], inner: Inner) {
    this.#members = members;
    this.#extra = extra;
    this.#least = least;
    this.#most = most;
    this.#inner = inner;
    this.#comma = separator(inner.builder);
    this.#lastRequired = 1 + members.findLastIndex(({ required }) => required);
  }

  content(): Term {
    const { terms } = this.#inner.builder;
    // Counts matter only where the number of members is bounded; beyond the bounds, all counts are alike.
    const counts = this.#isCounted ? Math.min(this.#members.length, Math.max(this.#least, this.#finiteMost + 1)) : 1;
    for (let index = this.#members.length; index >= 0; index--) {
      for (let count = counts; count >= 0; count--) this.#next(index, count);
    }
    const next = this.#next(0, 0);
    return this.#mayEnd(0, 0) ? terms.or([terms.empty, next]) : next;
  }

  get #isCounted(): boolean {
    return this.#least > 1 || this.#finiteMost < Number.POSITIVE_INFINITY;
  }

  get #finiteMost(): number {
    return this.#most >= this.#members.length && this.#extra === this.#inner.builder.terms.nothing
      ? Number.POSITIVE_INFINITY
      : this.#most;
  }

  #counted(count: number): number {
    return this.#isCounted ? Math.min(count, this.#members.length + 1) : Math.min(count, 1);
  }

  #mayEnd(index: number, count: number): boolean {
    return count >= this.#least && index >= this.#lastRequired;
  }

  /** One more member, the first of them from `index` on, and all that follows, after `count` members. */
  #next(index: number, count: number): Term {
    const { terms } = this.#inner.builder;
    const key = `${index},${count}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(index, count, terms.nothing);
    this.#known.set(key, made);
    this.#inner.builder.budget.spend(1, "the members of an object");
    return made;
  }

  #make(index: number, count: number, nothing: Term): Term {
    const { terms } = this.#inner.builder;
    if (count >= this.#most) return nothing;
    const member = this.#members[index];
    if (member === undefined) {
      const left = this.#most - count - 1;
      const more = terms.repeat(terms.sequence([this.#comma, this.#extra]), Math.max(0, this.#least - count - 1), left);
      return terms.sequence([this.#extra, more]);
    }
    const taken = terms.sequence([member.term, this.#after(index + 1, this.#counted(count + 1))]);
    return member.required ? taken : terms.or([taken, this.#next(index + 1, count)]);
  }

  #after(index: number, count: number): Term {
    const { terms } = this.#inner.builder;
    const more = terms.sequence([this.#comma, this.#next(index, count)]);
    return this.#mayEnd(index, count) ? terms.or([terms.empty, more]) : more;
  }
}

/** A pattern of `patternProperties` with its language and a test for keys. */
interface KeyPattern {
  readonly language: Regex;
  readonly has: (key: string) => boolean;
}

function patternsOf(all: readonly Members[], { builder }: Inner): ReadonlyMap<string, KeyPattern> {
  const found = new Map<string, KeyPattern>();
  for (const { piece, patterns } of all) {
    for (const [source] of patterns) {
      if (found.has(source)) continue;
      const language = named(piece, "patternProperties", () => textsContaining(source, builder.regexes));
      const automaton = builder.automaton(language, `patternProperties at ${piece.pointer}`);
      found.set(source, { language, has: (key) => automaton !== undefined && matches(automaton, key) });
    }
  }
  return found;
}

/** What a subschema asks of the value under a key. */
function schemasOf(key: string, one: Members, shapes: ReadonlyMap<string, KeyPattern>): Located[] {
  const own = one.properties.get(key);
  const matched = one.patterns.filter(([source]) => shapes.get(source)!.has(key)).map(([, schema]) => schema);
  if (own === undefined && matched.length === 0) return [one.additional];
  return own === undefined ? matched : [own, ...matched];
}

/** Patterns split the keys into 2ⁿ kinds. */
const MOST_PATTERNS = 5;

/** Members whose keys are neither declared nor required. */
function extraMembers(
  all: readonly Members[],
  keys: readonly string[],
  shapes: ReadonlyMap<string, KeyPattern>,
  inner: Inner,
): Term {
  const { builder } = inner;
  const { regexes, terms } = builder;
  const isClosed = all.some(({ additional, patterns }) => additional.schema === false && patterns.length === 0);
  if (isClosed) return terms.nothing;
  const sources = [...shapes.keys()];
  if (sources.length > MOST_PATTERNS) {
    const { piece } = all.find(({ patterns }) => patterns.length > 0)!;
    throw refuseKeyword(piece, "patternProperties", `has more than ${MOST_PATTERNS} patterns for one object`);
  }
  const names = all.flatMap((one) => (one.names === undefined ? [] : [nameLanguage(one, inner)]));
  const member = (key: Term, schemas: readonly Located[]) =>
    terms.sequence([key, builder.literals([":", ": "]), inner.term(schemas)]);
  if (sources.length === 0 && names.length === 0) {
    const key = keys.length === 0 ? builder.stringOfLength(0, Number.POSITIVE_INFINITY) : builder.stringExcept(keys);
    return member(
      key,
      all.map(({ additional }) => additional),
    );
  }
  const declared = regexes.not(regexes.or(keys.map((key) => regexes.text(key))));
  const kinds = Array.from({ length: 1 << sources.length }, (_, bits) => {
    const isMatched = (source: string) => (bits & (1 << sources.indexOf(source))) !== 0;
    const schemas = all.flatMap(({ patterns, additional }) => {
      const matched = patterns.filter(([source]) => isMatched(source)).map(([, schema]) => schema);
      return matched.length === 0 ? [additional] : matched;
    });
    if (schemas.some(({ schema }) => schema === false)) return terms.nothing;
    const languages = sources.map((source) => {
      const { language } = shapes.get(source)!;
      return isMatched(source) ? language : regexes.not(language);
    });
    const key = builder.regex(
      regexes.and([declared, ...names, ...languages]),
      "json",
      `the other keys at ${all[0]?.piece.pointer ?? "#"}`,
    );
    return member(key, schemas);
  });
  return terms.or(kinds);
}

/** The keys that `propertyNames` allows. */
function nameLanguage({ names, piece }: Members, inner: Inner): Regex {
  const { regexes } = inner.builder;
  const values = inner.values([names!]);
  if (values !== undefined) {
    const texts = values.filter((value) => typeof value === "string").slice(0, RULE_LIMITS.enumValues);
    return regexes.or(texts.map((text) => regexes.text(text)));
  }
  const { schema } = names!;
  if (typeof schema === "boolean") return schema ? regexes.everything : regexes.nothing;
  const simple = ["type", "pattern", "format", "minLength", "maxLength", "title", "description", "$comment"];
  const other = Object.keys(schema).find((keyword) => !simple.includes(keyword));
  if (other !== undefined || (schema.type !== undefined && schema.type !== "string")) {
    throw refuseKeyword(piece, "propertyNames", `with ${other ?? "another type than string"} is not supported`);
  }
  return stringLanguage(piecesOf([names!]), inner.builder);
}
