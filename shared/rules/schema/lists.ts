/** The lists that the subschemas of an array leave. */
import type { RuleBuilder } from "../builder.ts";
import type { Term } from "../machine/terms.ts";
import { requireCount } from "../regex/automaton.ts";
import { separator, valueKey, valueTerm } from "./json-values.ts";
import { countOf, entriesOf, type Piece } from "./pieces.ts";
import { type Located, refuseKeyword } from "./schema-source.ts";

/** What arrays and objects ask of the compiler: terms for what they hold. */
export interface Inner {
  readonly builder: RuleBuilder;
  /** The values that are valid under all of the schemas. */
  term(schemas: readonly Located[]): Term;
  /** Those values, if they are few and listed. */
  values(schemas: readonly Located[]): readonly unknown[] | undefined;
  isValid(value: unknown, schemas: readonly Located[]): boolean;
}

/** Entries that must differ are told apart by which of them were written, 2ⁿ cases of n values. */
const MOST_UNIQUE = 10;

export function listTerm(pieces: readonly Piece[], inner: Inner): Term {
  const { builder } = inner;
  const { terms } = builder;
  const [least, most] = [countOf(pieces, "minItems", "max"), countOf(pieces, "maxItems", "min")];
  if (least > most) return terms.nothing;
  requireCount(least, "minItems");
  const entries = pieces.map(entriesOf);
  const places = Math.max(0, ...entries.map(({ prefix }) => prefix.length));
  const schemasAt = (index: number) => entries.map(({ prefix, rest }) => prefix[index] ?? rest);
  const unique = pieces.find(({ schema }) => schema.uniqueItems === true);
  const comma = separator(builder);
  const [open, close] = [builder.literals(["["]), builder.literals(["]"])];
  const enclosed = (content: Term) => terms.sequence([open, content, close]);
  if (unique !== undefined && most > 1) {
    return enclosed(uniqueEntries(unique, { least, most, places, schemas: schemasAt(places) }, inner));
  }
  const rest = terms.sequence([comma, inner.term(schemasAt(places))]);
  const restFrom = (index: number) => terms.repeat(rest, Math.max(0, least - index), most - index);
  const last = Math.min(places, most);
  // What may follow `index` entries, from the last place to the first.
  let after = last === most ? terms.empty : restFrom(Math.max(last, 1));
  for (let index = last - 1; index >= 1; index--) {
    const more = terms.sequence([comma, inner.term(schemasAt(index)), after]);
    after = index >= least ? terms.or([terms.empty, more]) : more;
  }
  const first = most === 0 ? terms.nothing : terms.sequence([inner.term(schemasAt(0)), after]);
  return enclosed(least === 0 ? terms.or([terms.empty, first]) : first);
}

interface UniqueList {
  readonly least: number;
  readonly most: number;
  readonly places: number;
  readonly schemas: readonly Located[];
}

function uniqueEntries(unique: Piece, { least, most, places, schemas }: UniqueList, inner: Inner): Term {
  const { terms } = inner.builder;
  const listed = places === 0 ? inner.values(schemas) : undefined;
  if (listed === undefined || listed.length > MOST_UNIQUE) {
    throw refuseKeyword(
      unique,
      "uniqueItems",
      `is supported only where items is an enum of at most ${MOST_UNIQUE} values and there is no prefixItems; remove it, or list the values`,
    );
  }
  const values = [...new Map(listed.map((value) => [valueKey(value), value])).values()];
  const known = new Map<number, Term>();
  const comma = separator(inner.builder);
  const after = (used: number, count: number): Term => {
    const found = known.get(used);
    if (found !== undefined) return found;
    const more = values.flatMap((value, index) => {
      if (count >= most || (used & (1 << index)) !== 0) return [];
      const entry = terms.sequence([valueTerm(inner.builder, value), after(used | (1 << index), count + 1)]);
      return [count === 0 ? entry : terms.sequence([comma, entry])];
    });
    const term = terms.or(count >= least ? [terms.empty, ...more] : more);
    known.set(used, term);
    return term;
  };
  return after(0, 0);
}
