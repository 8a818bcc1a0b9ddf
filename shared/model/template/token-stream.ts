/**
 * A cursor over tokens, with the checks that the parsers need.
 */
import { failure } from "./failure.ts";
import type { Token } from "./lexer.ts";

/** The deepest nesting of expressions and blocks, which bounds the parser's stack. */
const MAX_NESTING = 250;

export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#at]!;
  }

  get next(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.current;
    if (token.type !== "end") this.#at++;
    return token;
  }

  isOperator(...operators: string[]): boolean {
    return this.current.type === "operator" && operators.includes(this.current.value as string);
  }

  isName(...names: string[]): boolean {
    return this.current.type === "name" && names.includes(this.current.value as string);
  }

  skipOperator(operator: string): boolean {
    const found = this.isOperator(operator);
    if (found) this.#at++;
    return found;
  }

  skipName(name: string): boolean {
    const found = this.isName(name);
    if (found) this.#at++;
    return found;
  }

  expectOperator(operator: string): void {
    if (!this.skipOperator(operator)) throw this.failure(`expected ${operator}, found ${describe(this.current)}`);
  }

  expect(type: Token["type"]): Token {
    if (this.current.type !== type) {
      throw this.failure(`expected ${describe({ type, value: "" })}, found ${describe(this.current)}`);
    }
    return this.take();
  }

  /** Runs one level of a recursive parser. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_NESTING) throw this.failure(`nests more than ${MAX_NESTING} deep`);
    const result = parse();
    this.#depth--;
    return result;
  }

  failure(problem: string): Error {
    return failure(`cannot be parsed: line ${this.current.line}: ${problem}`);
  }
}

const NAMES: Partial<Record<Token["type"], string>> = {
  block_end: "%}",
  variable_end: "}}",
  block_begin: "{%",
  variable_begin: "{{",
  end: "the end of the template",
  name: "a name",
};

export function describe({ type, value }: Pick<Token, "type" | "value">): string {
  if (type === "data" || value === "") return NAMES[type] ?? type;
  return type === "string" ? JSON.stringify(value) : String(value);
}
