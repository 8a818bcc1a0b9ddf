import { compileRule } from "../../shared/rules/compile.ts";
import type { CompiledRule } from "../../shared/rules/rule.ts";
import type { RulePhrases, RuleSpec } from "../../shared/rules/spec.ts";
import type { RuleVocabulary } from "../../shared/rules/vocabulary.ts";

/** Rules kept at a time. Each remembers the masks that it has computed, which is most of its cost and of its memory. */
const CAPACITY = 16;

/** A rule, and the request's field that it comes from. */
export interface RuleSource {
  readonly spec: RuleSpec;
  readonly param: string;
}

export interface AskedRule {
  /** null: any text. */
  readonly spec: RuleSpec | null;
  readonly param: string;
  readonly phrases?: RulePhrases;
  /** Rules inside it, each of which some text has to satisfy; an error names their field where one of them has it. */
  readonly parts?: readonly RuleSource[];
  /** Rules are never shared between tenants, because the time saved would reveal what another one has asked. */
  readonly tenant: string;
}

/** The rules that were asked for last: the same tools and schemas come with every request of a conversation. */
export class CompiledRules {
  readonly #vocabulary: () => RuleVocabulary;
  readonly #known = new Map<string, CompiledRule>();

  constructor(vocabulary: () => RuleVocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Throws `invalid_request`, naming the field, for a rule that cannot be compiled. */
  get({ tenant, ...asked }: AskedRule): CompiledRule {
    const key = JSON.stringify([tenant, asked.spec, asked.phrases]);
    const rule = this.#known.get(key) ?? this.#compile(asked);
    // The last one in the map is the one that was used last.
    this.#known.delete(key);
    this.#known.set(key, rule);
    const [oldest] = this.#known.keys();
    if (this.#known.size > CAPACITY && oldest !== undefined) this.#known.delete(oldest);
    return rule;
  }

  #compile({ spec, param, phrases = {}, parts = [] }: Omit<AskedRule, "tenant">): CompiledRule {
    const vocabulary = this.#vocabulary();
    const checkParts = () => {
      for (const part of parts) compileRule(part.spec, vocabulary, { param: part.param });
    };
    let rule: CompiledRule;
    try {
      // The whole comes first, since its work is bounded, and with it that of all parts.
      rule = compileRule(spec, vocabulary, { param, ...phrases });
    } catch (error) {
      checkParts();
      throw error;
    }
    checkParts();
    return rule;
  }
}
