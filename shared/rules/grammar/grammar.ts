/**
 * Context-free grammars in GBNF. A grammar is rules `name ::= …`, of which `root` is the whole text. They are made of literals
 * ("text", with \n \r \t \\ \" \xHH \uHHHH \UHHHHHHHH), character classes ([a-z], [^"\\]), `.` for any character, names, groups,
 * `|`, and the repetitions `*` `+` `?` `{n}` `{n,}` `{n,m}`. `#` begins a comment. A rule may go over several lines and may refer
 * to itself, but not at its beginning.
 */
import type { RuleBuilder } from "../builder.ts";
import { RULE_LIMITS, refuse } from "../limits.ts";
import type { Term } from "../machine/terms.ts";
import type { Regex } from "../regex/algebra.ts";
import type { Ranges } from "../regex/ranges.ts";
import { type GrammarToken, grammarError, grammarTokens } from "./tokens.ts";

type GrammarNode =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "class"; readonly ranges: Ranges }
  | { readonly kind: "name"; readonly name: string; readonly line: number }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly GrammarNode[] }
  | { readonly kind: "repeat"; readonly of: GrammarNode; readonly least: number; readonly most: number };

interface Rule {
  readonly line: number;
  readonly body: GrammarNode;
}

/** The texts of a grammar. Throws `invalid_request`, naming the line, for what is not GBNF and for unknown names. */
export function parseGrammar(source: string, builder: RuleBuilder): Term {
  if (source.length > RULE_LIMITS.grammarLength) {
    throw refuse(`the grammar has ${source.length} characters; at most ${RULE_LIMITS.grammarLength} fit`);
  }
  const rules = new Parser(grammarTokens(source)).parse();
  if (!rules.has("root")) throw refuse("the grammar has no rule named root; name the rule for the whole text so");
  return new GrammarCompiler(rules, builder).term("root");
}

class Parser {
  readonly #tokens: readonly GrammarToken[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly GrammarToken[]) {
    this.#tokens = tokens;
  }

  parse(): ReadonlyMap<string, Rule> {
    const rules = new Map<string, Rule>();
    while (this.#at < this.#tokens.length) {
      const token = this.#tokens[this.#at]!;
      if (token.kind !== "name" || !this.#isDefinition(this.#at)) {
        throw grammarError(token.line, "does not belong to a rule; rules begin with a name and ::=");
      }
      if (rules.has(token.text)) throw grammarError(token.line, `defines ${token.text} a second time`);
      if (rules.size === RULE_LIMITS.grammarRules) {
        throw grammarError(token.line, `is past the first ${RULE_LIMITS.grammarRules} rules, which are all that fit`);
      }
      this.#at += 2;
      rules.set(token.text, { line: token.line, body: this.#choice() });
    }
    return rules;
  }

  /** A name before ::= begins the next rule. */
  #isDefinition(at: number): boolean {
    const next = this.#tokens[at + 1];
    return this.#tokens[at]?.kind === "name" && next?.kind === "sign" && next.text === "::=";
  }

  #isSign(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "sign" && token.text === text;
  }

  #choice(): GrammarNode {
    const of = [this.#sequence()];
    while (this.#isSign("|")) {
      this.#at++;
      of.push(this.#sequence());
    }
    return of.length === 1 ? of[0]! : { kind: "choice", of };
  }

  #sequence(): GrammarNode {
    const of: GrammarNode[] = [];
    while (
      this.#at < this.#tokens.length &&
      !this.#isSign("|") &&
      !this.#isSign(")") &&
      !this.#isDefinition(this.#at)
    ) {
      of.push(this.#repeated());
    }
    return of.length === 1 ? of[0]! : { kind: "sequence", of };
  }

  #repeated(): GrammarNode {
    let node = this.#atom();
    for (let token = this.#tokens[this.#at]; token?.kind === "bounds"; token = this.#tokens[this.#at]) {
      const { least, most, line } = token;
      if (Math.max(least, Number.isFinite(most) ? most : 0) > RULE_LIMITS.repetitions) {
        throw grammarError(line, `repeats more than ${RULE_LIMITS.repetitions} times`);
      }
      node = { kind: "repeat", of: node, least, most };
      this.#at++;
    }
    return node;
  }

  #atom(): GrammarNode {
    const token = this.#tokens[this.#at++]!;
    switch (token.kind) {
      case "literal":
      case "class":
        return token;
      case "name":
        return { kind: "name", name: token.text, line: token.line };
      case "bounds":
        throw grammarError(token.line, "has a repetition with nothing before it");
    }
    if (token.text !== "(") throw grammarError(token.line, `has ${token.text} in the wrong place`);
    if (++this.#depth > RULE_LIMITS.nesting) {
      throw grammarError(token.line, `nests groups more than ${RULE_LIMITS.nesting} deep`);
    }
    const inner = this.#choice();
    this.#depth--;
    if (!this.#isSign(")")) throw grammarError(token.line, "has an unclosed parenthesis");
    this.#at++;
    return inner;
  }
}

/** Makes one lexeme of everything that does not refer to itself, so that the machine has less to follow. */
class GrammarCompiler {
  readonly #rules: ReadonlyMap<string, Rule>;
  readonly #builder: RuleBuilder;
  readonly #document: number;
  readonly #recursive: ReadonlySet<string>;
  readonly #regexes = new Map<string, Regex>();

  constructor(rules: ReadonlyMap<string, Rule>, builder: RuleBuilder) {
    this.#rules = rules;
    this.#builder = builder;
    this.#document = builder.document();
    this.#recursive = recursiveNames(rules);
    for (const name of this.#recursive) {
      builder.terms.define(this.#nameOf(name), this.#term(this.#rules.get(name)!.body));
    }
  }

  term(name: string): Term {
    return this.#term({ kind: "name", name, line: this.#rules.get(name)!.line });
  }

  #nameOf(name: string): string {
    const { line } = this.#rules.get(name)!;
    const document = this.#document === 0 ? "" : ` ${this.#document + 1}`;
    return `${name} (line ${line} of the grammar${document})`;
  }

  #term(node: GrammarNode): Term {
    const { terms } = this.#builder;
    const regex = this.#regex(node);
    if (regex !== undefined) return this.#lexeme(regex);
    switch (node.kind) {
      case "name":
        return terms.name(this.#nameOf(node.name));
      case "choice":
        return terms.or(node.of.map((option) => this.#term(option)));
      case "repeat":
        return terms.repeat(this.#term(node.of), node.least, node.most);
      case "sequence":
        return terms.sequence(this.#joined(node.of));
      default:
        return terms.nothing;
    }
  }

  /** Neighbours that are regular become one lexeme. */
  #joined(nodes: readonly GrammarNode[]): Term[] {
    const parts: Term[] = [];
    let regular: Regex[] = [];
    const flush = () => {
      if (regular.length > 0) parts.push(this.#lexeme(this.#builder.regexes.sequence(regular)));
      regular = [];
    };
    for (const node of nodes) {
      const regex = this.#regex(node);
      if (regex !== undefined) regular.push(regex);
      else {
        flush();
        parts.push(this.#term(node));
      }
    }
    flush();
    return parts;
  }

  #lexeme(regex: Regex): Term {
    const { terms, regexes } = this.#builder;
    return regex === regexes.empty ? terms.empty : this.#builder.regex(regex, "utf8", "the grammar");
  }

  /** The regular language of a node; undefined if it refers to a rule that is recursive. */
  #regex(node: GrammarNode): Regex | undefined {
    const { regexes } = this.#builder;
    switch (node.kind) {
      case "literal":
        return regexes.text(node.text);
      case "class":
        return regexes.set(node.ranges);
      case "name": {
        if (this.#recursive.has(node.name)) return undefined;
        const known = this.#regexes.get(node.name) ?? this.#regex(this.#rules.get(node.name)!.body);
        if (known !== undefined) this.#regexes.set(node.name, known);
        return known;
      }
      case "repeat": {
        const of = this.#regex(node.of);
        return of && regexes.repeat(of, node.least, node.most);
      }
      case "choice":
      case "sequence": {
        const of = node.of.map((part) => this.#regex(part));
        if (!of.every((part) => part !== undefined)) return undefined;
        return node.kind === "choice" ? regexes.or(of) : regexes.sequence(of);
      }
    }
  }
}

/** The rules that refer to themselves, or to one that does. Throws for names without a rule. */
function recursiveNames(rules: ReadonlyMap<string, Rule>): ReadonlySet<string> {
  const regular = new Set<string>();
  const references = new Map([...rules].map(([name, { body }]) => [name, namesIn(body)]));
  for (const names of references.values()) {
    const unknown = names.find(({ name }) => !rules.has(name));
    if (unknown !== undefined) throw grammarError(unknown.line, `refers to ${unknown.name}, which no rule defines`);
  }
  for (let before = -1; before < regular.size; ) {
    before = regular.size;
    for (const [name, names] of references) if (names.every((one) => regular.has(one.name))) regular.add(name);
  }
  return new Set([...rules.keys()].filter((name) => !regular.has(name)));
}

function namesIn(node: GrammarNode): readonly { readonly name: string; readonly line: number }[] {
  switch (node.kind) {
    case "name":
      return [node];
    case "repeat":
      return namesIn(node.of);
    case "choice":
    case "sequence":
      return node.of.flatMap(namesIn);
    default:
      return [];
  }
}
