/** The parts that compilers of rules build with: one builder for each rule. Equal lexemes are one. */
import { type Encoding, encodedLexeme } from "./lexeme/encoded.ts";
import { anyBytes, type Lexeme, literalLexeme } from "./lexeme/lexeme.ts";
import { Budget } from "./limits.ts";
import { type Term, TermStore } from "./machine/terms.ts";
import { type Regex, RegexStore } from "./regex/algebra.ts";
import { type Automaton, automatonOf, exceptAutomaton, lengthAutomaton } from "./regex/automaton.ts";
import { Derivatives } from "./regex/derivative.ts";

export class RuleBuilder {
  readonly budget = new Budget();
  readonly terms = new TermStore(this.budget);
  readonly regexes = new RegexStore(this.budget);
  readonly #derivatives = new Derivatives(this.regexes);
  readonly #automata = new Map<Regex, Automaton | undefined>();
  readonly #lexemes = new Map<string, Term>();
  #count = 0;
  #documents = 0;

  /** A number that tells the names of one schema or grammar from those of others in the same rule. */
  document(): number {
    return this.#documents++;
  }

  /** One of the texts. */
  literals(texts: readonly string[]): Term {
    if (texts.length === 0) return this.terms.nothing;
    const characters = texts.reduce((sum, { length }) => sum + length, 0);
    this.budget.spend(1 + characters / 8, "a list of texts");
    return this.#lexeme(`literals ${JSON.stringify(texts)}`, (id) => {
      const utf8 = new TextEncoder();
      return literalLexeme(
        id,
        texts.map((text) => utf8.encode(text)),
      );
    });
  }

  /** A text of the language; `subject` names it in the error for a language that takes too much work. */
  regex(regex: Regex, encoding: Encoding, subject: string): Term {
    const known = this.#lexemes.get(`regex ${regex.id} ${encoding}`);
    if (known !== undefined) return known;
    const automaton = this.automaton(regex, subject);
    if (automaton === undefined) return this.terms.nothing;
    return this.#lexeme(`regex ${regex.id} ${encoding}`, (id) => encodedLexeme(id, automaton, encoding));
  }

  /** The automaton of a language; undefined if it is empty. */
  automaton(regex: Regex, subject: string): Automaton | undefined {
    this.regexes.subject = subject;
    if (!this.#automata.has(regex)) this.#automata.set(regex, automatonOf(regex, this.regexes, this.#derivatives));
    return this.#automata.get(regex);
  }

  /** A JSON string that is none of these texts. */
  stringExcept(texts: readonly string[]): Term {
    this.budget.spend(1 + texts.reduce((sum, { length }) => sum + length, 0) / 4, "the keys of an object");
    return this.#lexeme(`except ${JSON.stringify(texts)}`, (id) => encodedLexeme(id, exceptAutomaton(texts), "json"));
  }

  /** A JSON string of `least` to `most` code points. */
  stringOfLength(least: number, most: number): Term {
    if (least > most) return this.terms.nothing;
    return this.terms.lexeme(sharedString(least, most));
  }

  anyBytes(): Term {
    return this.#lexeme("any bytes", anyBytes);
  }

  #lexeme(key: string, make: (id: number) => Parameters<TermStore["lexeme"]>[0]): Term {
    let term = this.#lexemes.get(key);
    if (term === undefined) {
      term = this.terms.lexeme(make(this.#count++));
      this.#lexemes.set(key, term);
    }
    return term;
  }
}

/** Strings of the lengths that schemas ask for first. Their ids are below those of a rule's own lexemes. */
const strings = new Map<string, Lexeme>();
const MOST_STRINGS = 64;
const LONGEST = 2 ** 32;

/**
 * One lexeme for all rules: nearly every token may stand in a string, so finding those that may is the dearest part of a rule,
 * and it is done once for a vocabulary.
 */
function sharedString(least: number, limit: number): Lexeme {
  // No text gets as long as that.
  const most = limit < LONGEST ? limit : Number.POSITIVE_INFINITY;
  const key = `${least} ${most}`;
  const known = strings.get(key);
  if (known !== undefined) return known;
  const id = -1 - (least * LONGEST + (Number.isFinite(most) ? most + 1 : 0));
  const lexeme = encodedLexeme(id, lengthAutomaton(least, most), "json");
  if (strings.size < MOST_STRINGS) strings.set(key, lexeme);
  return lexeme;
}
