/**
 * What a rule may cost. Rules come from strangers, so everything that grows has a cap that counts work, never time: the same
 * rule is accepted or refused on every machine.
 */
import { TrimtabError } from "../errors.ts";

export const RULE_LIMITS = {
  /** Characters of a regular expression or of a grammar. */
  regexLength: 4096,
  /** `\\p{…}` in one regular expression: finding one looks at every code point. */
  unicodeProperties: 2,
  grammarLength: 32_768,
  grammarRules: 1000,
  /** Groups inside groups of a regular expression or a grammar, and specs inside specs. */
  nesting: 50,
  /** Most times that a bounded repetition of a regular expression, a grammar or a spec may be asked for. */
  repetitions: 10_000,
  choices: 1000,
  /** UTF-16 code units of all choices of a spec together. */
  choiceCharacters: 120_000,
  /** Banned phrases, required phrases, and the characters of all of them. */
  banned: 256,
  required: 8,
  phraseCharacters: 4096,
  /** Levels of objects and lists inside a JSON schema, subschemas included. */
  schemaNesting: 64,
  schemaNodes: 20_000,
  schemaCharacters: 500_000,
  /** OpenAI's caps for structured outputs. */
  properties: 5000,
  enumValues: 1000,
  nameCharacters: 120_000,
  /** Alternatives into which `anyOf` and the like of one schema may multiply. */
  alternatives: 256,
  /** Steps of compilation, each well below a microsecond. */
  work: 200_000,
  /** Parts of a rule that one more byte of a text may begin, in all of its readings together. */
  readings: 50_000,
} as const;

/** An error about the rule itself. `compileRule` adds the field that the rule came in. */
export function refuse(message: string, data: Readonly<Record<string, unknown>> = {}): TrimtabError {
  return new TrimtabError("invalid_request", message, { param: "rules", data });
}

/** Counts the work of one compilation. */
export class Budget {
  #left: number;

  constructor(work: number = RULE_LIMITS.work) {
    this.#left = work;
  }

  /** Throws `invalid_request` once the work is used up; `what` names the part that was being compiled. */
  spend(steps: number, what: string): void {
    this.#left -= steps;
    if (this.#left < 0) {
      throw refuse(`${what} takes too much work to compile; make it smaller, or lower its counts`);
    }
  }
}
