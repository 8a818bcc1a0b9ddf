/** The texts that the subschemas of a string leave. */

import { TrimtabError } from "../../errors.ts";
import type { RuleBuilder } from "../builder.ts";
import type { Term } from "../machine/terms.ts";
import type { Regex } from "../regex/algebra.ts";
import { type Automaton, requireCount } from "../regex/automaton.ts";
import { textsContaining, wholeMatches } from "../regex/pattern.ts";
import { FORMATS } from "./formats.ts";
import { countOf, type Piece, textsOf } from "./pieces.ts";
import { NOT_PATTERN, NOT_TEXTS, refuseKeyword } from "./schema-source.ts";

export function stringTerm(pieces: readonly Piece[], builder: RuleBuilder): Term {
  const [least, most] = [countOf(pieces, "minLength", "max"), countOf(pieces, "maxLength", "min")];
  requireCount(least, "minLength");
  const languages = languagesOf(pieces, builder);
  if (languages.length === 0) return builder.stringOfLength(least, most);
  return builder.regex(
    builder.regexes.and([...languages, ...lengths(least, most, builder)]),
    "json",
    subjectOf(pieces),
  );
}

/** The language of a string; what `stringTerm` does not need to build for a length alone is built here. */
export function stringLanguage(pieces: readonly Piece[], builder: RuleBuilder): Regex {
  const [least, most] = [countOf(pieces, "minLength", "max"), countOf(pieces, "maxLength", "min")];
  return builder.regexes.and([...languagesOf(pieces, builder), ...lengths(least, most, builder)]);
}

/** The automaton of a string; undefined if no text is left. */
export function stringAutomaton(pieces: readonly Piece[], builder: RuleBuilder): Automaton | undefined {
  return builder.automaton(stringLanguage(pieces, builder), subjectOf(pieces));
}

function subjectOf(pieces: readonly Piece[]): string {
  const [piece] = pieces.filter(({ schema }) => schema.pattern ?? schema.format ?? schema.maxLength);
  return `the string at ${(piece ?? pieces[0])?.pointer ?? "#"}`;
}

function lengths(least: number, most: number, { regexes }: RuleBuilder): Regex[] {
  if (least === 0 && most === Number.POSITIVE_INFINITY) return [];
  requireCount(Math.max(least, Number.isFinite(most) ? most : 0), "maxLength beside a pattern or a format");
  return [least > most ? regexes.nothing : regexes.repeat(regexes.any, least, most)];
}

function languagesOf(pieces: readonly Piece[], { regexes }: RuleBuilder): Regex[] {
  const patterns = textsOf(pieces, "pattern").map(({ text, piece }) =>
    named(piece, "pattern", () => textsContaining(text, regexes)),
  );
  const formats = textsOf(pieces, "format").map(({ text, piece }) => {
    const source = FORMATS.get(text);
    if (source === undefined) {
      throw refuseKeyword(
        piece,
        "format",
        `${JSON.stringify(text)} is not supported; use ${[...FORMATS.keys()].join(", ")}, or a pattern`,
      );
    }
    return wholeMatches(source, regexes);
  });
  const excluded = pieces.flatMap(({ schema }) => {
    const texts = Reflect.get(schema, NOT_TEXTS) as readonly string[] | undefined;
    return texts === undefined ? [] : [regexes.not(regexes.or(texts.map((text) => regexes.text(text))))];
  });
  const unlike = pieces.flatMap((piece) => {
    const pattern = Reflect.get(piece.schema, NOT_PATTERN) as unknown;
    if (typeof pattern !== "string") return [];
    return [named(piece, "pattern", () => regexes.not(textsContaining(pattern, regexes)))];
  });
  return [...patterns, ...formats, ...excluded, ...unlike];
}

/** Adds the keyword and its place to an error about a regular expression. */
export function named<Value>(piece: Piece, keyword: string, make: () => Value): Value {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw refuseKeyword(piece, keyword, error.message);
  }
}
