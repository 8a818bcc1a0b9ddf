/** Turns what a text must be into masks of tokens. */
import { TrimtabError } from "../errors.ts";
import { RuleBuilder } from "./builder.ts";
import { parseGrammar } from "./grammar/grammar.ts";
import { Budget, RULE_LIMITS, refuse } from "./limits.ts";
import { Machine } from "./machine/machine.ts";
import type { State } from "./machine/state.ts";
import type { Term } from "./machine/terms.ts";
import { freeText } from "./phrases/free.ts";
import { RuleGuard } from "./phrases/guard.ts";
import { createPhrases, requirePhrases } from "./phrases/phrases.ts";
import { distances } from "./phrases/shortest.ts";
import { requireCount } from "./regex/automaton.ts";
import { wholeMatches } from "./regex/pattern.ts";
import { type CompiledRule, createRule } from "./rule.ts";
import { anyObject, schemaTerm } from "./schema/compile-schema.ts";
import { requireStrict } from "./schema/strict.ts";
import type { RulePhrases, RuleSpec } from "./spec.ts";
import type { RuleVocabulary } from "./vocabulary.ts";

export interface CompileOptions extends RulePhrases {
  /** The request's field that the rule comes from, for errors. */
  readonly param?: string;
}

/**
 * Compiles a rule, or free text (`null`) with banned and required phrases. The work is counted and bounded: a rule that would
 * take more than a fraction of a second throws `invalid_request`, as do one that no text satisfies and one with a part that has
 * no exact automaton, naming the part.
 */
export function compileRule(
  spec: RuleSpec | null,
  vocabulary: RuleVocabulary,
  options: CompileOptions = {},
): CompiledRule {
  try {
    return compile(spec, vocabulary, options);
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param !== "rules" || options.param === undefined) throw error;
    throw new TrimtabError(error.code, error.message, { param: options.param, data: error.data, cause: error });
  }
}

function compile(spec: RuleSpec | null, vocabulary: RuleVocabulary, { banned = [], required = [] }: CompileOptions) {
  requirePhrases(banned, required);
  const builder = new RuleBuilder();
  const context: Context = { builder, vocabulary, depth: 0, times: 1, made: new Map() };
  const root = spec === null ? builder.anyBytes() : termOf(spec, context);
  builder.terms.close();
  if (!root.productive)
    throw refuse("no text satisfies the rule; check bounds, enums and required parts that exclude each other");
  const machine = new Machine(builder.terms, root);
  const parts = { machine, vocabulary, isFree: spec === null };
  if (banned.length === 0 && required.length === 0 && (spec === null || writesAll(vocabulary)))
    return createRule(parts);
  // The work of the phrases is counted apart from that of the rule.
  const budget = new Budget();
  const phrases = createPhrases(banned, required, vocabulary.writable);
  if (spec !== null)
    return createRule({ ...parts, watched: { phrases, guard: new RuleGuard(machine, phrases, budget) } });
  // Free text may end wherever its phrases are complete.
  if (required.length === 0) return createRule({ ...parts, watched: { phrases, guard: { canFinish: () => true } } });
  const left = distances(phrases, vocabulary, budget);
  const guard = { canFinish: (_: State, inside: number) => left(inside) < Number.POSITIVE_INFINITY };
  return createRule({ ...parts, watched: { phrases, guard, distances: left } });
}

/** Whether the vocabulary has every byte that UTF-8 uses, so that every text can be written. */
function writesAll({ writable }: RuleVocabulary): boolean {
  return writable.every((isWritable, byte) => isWritable || byte === 0xc0 || byte === 0xc1 || byte >= 0xf5);
}

interface Context {
  readonly builder: RuleBuilder;
  readonly vocabulary: RuleVocabulary;
  readonly depth: number;
  /** How many times the repetitions around this spec multiply it. */
  readonly times: number;
  /** The terms of specs that the rule has in several places, such as a tool's call. */
  readonly made: Map<RuleSpec, Term>;
}

function termOf(spec: RuleSpec, context: Context): Term {
  const { builder, vocabulary, depth } = context;
  const { terms } = builder;
  if (depth > RULE_LIMITS.nesting) throw refuse(`the rule nests more than ${RULE_LIMITS.nesting} levels deep`);
  builder.budget.spend(1, "the rule");
  const inner = (of: RuleSpec) => {
    const term = context.made.get(of) ?? termOf(of, { ...context, depth: depth + 1 });
    context.made.set(of, term);
    return term;
  };
  if ("json_schema" in spec) {
    if (spec.strict === true) requireStrict(spec.json_schema, "json_schema");
    builder.regexes.subject = "the schema";
    return schemaTerm(spec.json_schema, builder);
  }
  if ("json_object" in spec) return anyObject(builder);
  if ("regex" in spec) {
    builder.regexes.subject = "the regular expression";
    return builder.regex(wholeMatches(spec.regex, builder.regexes), "utf8", "the regular expression");
  }
  if ("choice" in spec) return choices(spec.choice, builder);
  if ("grammar" in spec) {
    builder.regexes.subject = "the grammar";
    return parseGrammar(spec.grammar, builder);
  }
  if ("text" in spec) return builder.literals([wellFormed(spec.text, "a text")]);
  if ("free" in spec) return freeText(spec.free.without ?? [], builder);
  if ("control" in spec) {
    const token = vocabulary.control.get(spec.control);
    if (token !== undefined) return terms.control(token);
    throw refuse(`the tokenizer has no control token ${JSON.stringify(spec.control)}`);
  }
  if ("sequence" in spec) return terms.sequence(spec.sequence.map(inner));
  if ("anyOf" in spec) {
    if (spec.anyOf.length === 0) throw refuse("anyOf is empty; give it at least one rule");
    return terms.or(spec.anyOf.map(inner));
  }
  const { least, most = Number.POSITIVE_INFINITY } = spec;
  requireCount(Math.max(least, Number.isFinite(most) ? most : 0), "repeat");
  if (least > most) throw refuse(`repeat has at least ${least} and at most ${most}; make least the smaller one`);
  const times = context.times * Math.max(1, Number.isFinite(most) ? most : least);
  requireCount(times, "repeat inside repeat");
  return terms.repeat(termOf(spec.repeat, { ...context, depth: depth + 1, times }), least, most);
}

function choices(texts: readonly string[], builder: RuleBuilder): Term {
  if (texts.length === 0) throw refuse("choice is empty; give it at least one text");
  if (texts.length > RULE_LIMITS.choices) {
    throw refuse(`choice has ${texts.length} texts; at most ${RULE_LIMITS.choices} fit`);
  }
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  if (characters > RULE_LIMITS.choiceCharacters) {
    throw refuse(`choice has ${characters} characters; at most ${RULE_LIMITS.choiceCharacters} fit`);
  }
  return builder.literals([...new Set(texts)].map((text) => wellFormed(text, "choice")));
}

function wellFormed(text: string, what: string): string {
  if (!text.isWellFormed()) throw refuse(`${what} has half of a surrogate pair, which no text contains`);
  return text;
}
