import { TrimtabError } from "../../errors.ts";
import { FORMULA_FUNCTIONS, type FormulaFunction } from "./functions.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** Parentheses, signs and powers inside each other. */
const DEEPEST = 50;

/** A formula as steps of a stack machine, so that no formula is too deep to be evaluated. */
export type FormulaStep =
  | { readonly push: number }
  | { readonly name: string }
  | { readonly call: FormulaFunction; readonly values: number };

const binary = (apply: (a: number, b: number) => number): FormulaFunction => {
  return { least: 2, most: 2, apply: ([a = 0, b = 0]) => apply(a, b) };
};
const NEGATE: FormulaFunction = { least: 1, most: 1, apply: ([value = 0]) => -value };
const POWER = binary((a, b) => a ** b);
const SUMS = new Map([
  ["+", binary((a, b) => a + b)],
  ["-", binary((a, b) => a - b)],
]);
const PRODUCTS = new Map([
  ["*", binary((a, b) => a * b)],
  ["/", binary((a, b) => a / b)],
]);

/** By recursive descent; each method appends the steps of what it reads. */
export class FormulaParser {
  readonly #tokens: readonly Token[];
  readonly #param: string;
  readonly #steps: FormulaStep[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string, param: string) {
    const { tokens, stray } = tokensOf(text);
    this.#tokens = tokens;
    this.#param = param;
    if (stray !== undefined) throw this.#error(`has ${JSON.stringify(text[stray])}, which no formula has`, stray);
  }

  whole(): readonly FormulaStep[] {
    this.#sum();
    if (this.#next.kind !== "end") throw this.#unexpected("an operator");
    return this.#steps;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #sum(): void {
    this.#chain(SUMS, () => this.#chain(PRODUCTS, () => this.#signed()));
  }

  #chain(operators: ReadonlyMap<string, FormulaFunction>, operand: () => void): void {
    operand();
    for (let call = operators.get(this.#next.text); call !== undefined; call = operators.get(this.#next.text)) {
      this.#at++;
      operand();
      this.#steps.push({ call, values: 2 });
    }
  }

  #signed(): void {
    if (++this.#depth > DEEPEST) throw this.#error(`nests more than ${DEEPEST} levels deep`, this.#next.at);
    const { text } = this.#next;
    if (text === "-" || text === "+") {
      this.#at++;
      this.#signed();
      if (text === "-") this.#steps.push({ call: NEGATE, values: 1 });
    } else {
      this.#value();
      if (this.#taken("^")) {
        this.#signed();
        this.#steps.push({ call: POWER, values: 2 });
      }
    }
    this.#depth--;
  }

  #value(): void {
    const token = this.#next;
    if (token.kind === "number") this.#steps.push({ push: Number(token.text) });
    else if (token.kind === "name" && this.#tokens[this.#at + 1]?.text === "(") {
      this.#call(token);
      return;
    } else if (token.kind === "name") this.#steps.push({ name: token.text });
    else if (this.#taken("(")) {
      this.#sum();
      if (!this.#taken(")")) throw this.#unexpected('")"');
      return;
    } else throw this.#unexpected("a number, a grader's name or a parenthesis");
    this.#at++;
  }

  #call({ text, at }: Token): void {
    const call = FORMULA_FUNCTIONS.get(text);
    if (call === undefined) {
      throw this.#error(`calls ${text}, which is none of ${[...FORMULA_FUNCTIONS.keys()].join(", ")}`, at);
    }
    this.#at += 2;
    let values = 0;
    do {
      this.#sum();
      values++;
    } while (this.#taken(","));
    if (!this.#taken(")")) throw this.#unexpected('")"');
    if (values < call.least || values > call.most) {
      const count = call.most === 1 ? "one value" : `${call.least} to ${call.most} values`;
      throw this.#error(`gives ${text} ${values} values; it takes ${count}`, at);
    }
    this.#steps.push({ call, values });
  }

  #taken(sign: string): boolean {
    const { kind, text } = this.#next;
    const is = kind === "sign" && text === sign;
    if (is) this.#at++;
    return is;
  }

  #unexpected(wanted: string): TrimtabError {
    const { kind, text, at } = this.#next;
    return this.#error(`has ${kind === "end" ? "its end" : JSON.stringify(text)} where ${wanted} should be`, at);
  }

  #error(problem: string, at: number): TrimtabError {
    return new TrimtabError("invalid_request", `\`${this.#param}\` ${problem} (character ${at + 1}).`, {
      param: this.#param,
    });
  }
}
