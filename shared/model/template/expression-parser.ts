/**
 * Parses expressions with Jinja2's grammar and precedence, which differ from Python's in places: `~` binds tighter than
 * `+`, `**` is left-associative, and a filter applies to a negated operand.
 */
import type { Arguments, Expression } from "./syntax.ts";
import { describe, type TokenStream } from "./token-stream.ts";

const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="];
export const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};
const NO_ARGUMENTS: Arguments = { positional: [], named: [], spread: undefined, namedSpread: undefined };

export class ExpressionParser {
  protected readonly stream: TokenStream;

  constructor(stream: TokenStream) {
    this.stream = stream;
  }

  protected expression(withConditional = true): Expression {
    return this.stream.nested(() => (withConditional ? this.#conditional() : this.#or()));
  }

  /** One expression, or several separated by commas: a tuple. */
  protected tuple(options: { conditional?: boolean; parenthesised?: boolean; endsBefore?: string } = {}): Expression {
    const { line } = this.stream.current;
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.stream.expectOperator(",");
      if (this.endsTuple(options.endsBefore)) break;
      items.push(this.expression(options.conditional));
      if (!this.stream.isOperator(",")) break;
      isTuple = true;
    }
    if (!isTuple && items[0] !== undefined) return items[0];
    if (!isTuple && !options.parenthesised) {
      throw this.stream.failure(`expected an expression, found ${describe(this.stream.current)}`);
    }
    return { type: "tuple", items, line };
  }

  protected endsTuple(name: string | undefined): boolean {
    const { type } = this.stream.current;
    return (
      type === "variable_end" ||
      type === "block_end" ||
      this.stream.isOperator(")") ||
      (name !== undefined && this.stream.isName(name))
    );
  }

  #conditional(): Expression {
    const { line } = this.stream.current;
    let result = this.#or();
    while (this.stream.skipName("if")) {
      const test = this.#or();
      const otherwise = this.stream.skipName("else") ? this.expression() : undefined;
      result = { type: "conditional", test, value: result, otherwise, line };
    }
    return result;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.stream.skipName("or")) {
      left = { type: "logic", operator: "or", left, right: this.#and(), line: left.line };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.stream.skipName("and")) {
      left = { type: "logic", operator: "and", left, right: this.#not(), line: left.line };
    }
    return left;
  }

  #not(): Expression {
    const { line } = this.stream.current;
    if (!this.stream.skipName("not")) return this.#compare();
    return { type: "unary", operator: "not", operand: this.stream.nested(() => this.#not()), line };
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      if (this.stream.isOperator(...COMPARISONS)) rest.push([this.stream.take().value as string, this.#sum()]);
      else if (this.stream.skipName("in")) rest.push(["in", this.#sum()]);
      else if (this.stream.isName("not") && this.stream.next.value === "in" && this.stream.next.type === "name") {
        this.stream.take();
        this.stream.take();
        rest.push(["not in", this.#sum()]);
      } else break;
    }
    return rest.length === 0 ? first : { type: "compare", first, rest, line: first.line };
  }

  #sum(): Expression {
    return this.#binary(["+", "-"], () => this.#concat());
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.stream.skipOperator("~")) parts.push(this.#product());
    return parts.length === 1 ? parts[0]! : { type: "concat", parts, line: parts[0]!.line };
  }

  #product(): Expression {
    return this.#binary(["*", "/", "//", "%"], () => this.#binary(["**"], () => this.#unary(true)));
  }

  #binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.stream.isOperator(...operators)) {
      const operator = this.stream.take().value as string;
      left = { type: "binary", operator, left, right: operand(), line: left.line };
    }
    return left;
  }

  #unary(withFilters: boolean): Expression {
    const { line } = this.stream.current;
    let result: Expression;
    if (this.stream.isOperator("-", "+")) {
      const operator = this.stream.take().value as "-" | "+";
      result = { type: "unary", operator, operand: this.stream.nested(() => this.#unary(false)), line };
    } else result = this.#primary();
    result = this.postfix(result);
    return withFilters ? this.#filtersAndTests(result) : result;
  }

  #primary(): Expression {
    const { line } = this.stream.current;
    if (this.stream.isOperator("[")) return this.#list();
    if (this.stream.isOperator("{")) return this.#dict();
    if (this.stream.skipOperator("(")) {
      const inner = this.tuple({ parenthesised: true });
      this.stream.expectOperator(")");
      return inner;
    }
    const token = this.stream.take();
    switch (token.type) {
      case "name": {
        const name = token.value as string;
        if (Object.hasOwn(CONSTANTS, name)) return { type: "constant", value: CONSTANTS[name]!, line };
        return { type: "name", name, line };
      }
      case "integer":
      case "float":
        return { type: "constant", value: token.value, line };
      case "string": {
        let value = token.value as string;
        while (this.stream.current.type === "string") value += this.stream.take().value;
        return { type: "constant", value, line };
      }
      default:
        throw this.stream.failure(`unexpected ${describe(token)}`);
    }
  }

  #list(): Expression {
    const { line } = this.stream.current;
    this.stream.expectOperator("[");
    const items: Expression[] = [];
    while (!this.stream.isOperator("]")) {
      if (items.length > 0) this.stream.expectOperator(",");
      if (this.stream.isOperator("]")) break;
      items.push(this.expression());
    }
    this.stream.expectOperator("]");
    return { type: "list", items, line };
  }

  #dict(): Expression {
    const { line } = this.stream.current;
    this.stream.expectOperator("{");
    const entries: [Expression, Expression][] = [];
    while (!this.stream.isOperator("}")) {
      if (entries.length > 0) this.stream.expectOperator(",");
      if (this.stream.isOperator("}")) break;
      const key = this.expression();
      this.stream.expectOperator(":");
      entries.push([key, this.expression()]);
    }
    this.stream.expectOperator("}");
    return { type: "dict", entries, line };
  }

  protected postfix(start: Expression): Expression {
    let result = start;
    for (;;) {
      const { line } = this.stream.current;
      if (this.stream.skipOperator(".")) {
        const token = this.stream.take();
        if (token.type === "name") result = { type: "attribute", object: result, name: token.value as string, line };
        else if (token.type === "integer") {
          result = { type: "item", object: result, key: { type: "constant", value: token.value, line }, line };
        } else throw this.stream.failure("expected a name or a number after the dot");
      } else if (this.stream.skipOperator("[")) {
        result = { type: "item", object: result, key: this.#subscript(), line };
      } else if (this.stream.isOperator("(")) result = { type: "call", callee: result, args: this.#arguments(), line };
      else return result;
    }
  }

  #subscript(): Expression {
    const { line } = this.stream.current;
    const keys: Expression[] = [];
    while (!this.stream.isOperator("]")) {
      if (keys.length > 0) this.stream.expectOperator(",");
      keys.push(this.#key());
    }
    this.stream.expectOperator("]");
    return keys.length === 1 ? keys[0]! : { type: "tuple", items: keys, line };
  }

  #key(): Expression {
    const { line } = this.stream.current;
    const bounds: (Expression | undefined)[] = [undefined, undefined, undefined];
    if (!this.stream.isOperator(":")) bounds[0] = this.expression();
    if (!this.stream.isOperator(":")) return bounds[0]!;
    for (let position = 1; position < 3 && this.stream.skipOperator(":"); position++) {
      if (!this.stream.isOperator(":", "]", ",")) bounds[position] = this.expression();
    }
    return { type: "slice", bounds, line };
  }

  #arguments(): Arguments {
    this.stream.expectOperator("(");
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let spread: Expression | undefined;
    let namedSpread: Expression | undefined;
    let isFirst = true;
    const mustBe = (valid: boolean) => {
      if (!valid) throw this.stream.failure("invalid order of arguments in a call");
    };
    while (!this.stream.isOperator(")")) {
      if (!isFirst) this.stream.expectOperator(",");
      if (this.stream.isOperator(")")) break;
      isFirst = false;
      if (this.stream.skipOperator("*")) {
        mustBe(spread === undefined && namedSpread === undefined);
        spread = this.expression();
      } else if (this.stream.skipOperator("**")) {
        mustBe(namedSpread === undefined);
        namedSpread = this.expression();
      } else if (
        this.stream.current.type === "name" &&
        this.stream.next.type === "operator" &&
        this.stream.next.value === "="
      ) {
        mustBe(namedSpread === undefined);
        const name = this.stream.take().value as string;
        this.stream.take();
        if (named.some(([other]) => other === name)) throw this.stream.failure(`the argument ${name} is repeated`);
        named.push([name, this.expression()]);
      } else {
        mustBe(spread === undefined && namedSpread === undefined && named.length === 0);
        positional.push(this.expression());
      }
    }
    this.stream.expectOperator(")");
    return { positional, named, spread, namedSpread };
  }

  #filtersAndTests(start: Expression): Expression {
    let result = start;
    for (;;) {
      const { line } = this.stream.current;
      if (this.stream.isOperator("|")) result = this.filters(result, false)!;
      else if (this.stream.skipName("is")) result = this.#test(result, line);
      else if (this.stream.isOperator("(")) result = { type: "call", callee: result, args: this.#arguments(), line };
      else return result;
    }
  }

  /** A chain of filters. `inline` means that the first one has no `|` before it, as in `{% filter upper %}`. */
  protected filters(start: Expression | undefined, inline: boolean): Expression | undefined {
    let input = start;
    for (let first = inline; first || this.stream.skipOperator("|"); first = false) {
      const { line } = this.stream.current;
      const name = this.#dottedName();
      const args = this.stream.isOperator("(") ? this.#arguments() : NO_ARGUMENTS;
      input = { type: "filter", input, name, args, line };
    }
    return input;
  }

  #test(input: Expression, line: number): Expression {
    const negated = this.stream.skipName("not");
    const name = this.#dottedName();
    let args = NO_ARGUMENTS;
    if (this.stream.isOperator("(")) args = this.#arguments();
    else if (this.#startsTestArgument()) {
      if (this.stream.isName("is")) throw this.stream.failure("tests with `is` cannot be chained");
      args = { ...NO_ARGUMENTS, positional: [this.postfix(this.#primary())] };
    }
    const test: Expression = { type: "test", input, name, args, line };
    return negated ? { type: "unary", operator: "not", operand: test, line } : test;
  }

  #startsTestArgument(): boolean {
    const { type } = this.stream.current;
    if (type === "name") return !this.stream.isName("else", "or", "and");
    return type === "string" || type === "integer" || type === "float" || this.stream.isOperator("[", "{");
  }

  #dottedName(): string {
    let name = this.stream.expect("name").value as string;
    while (this.stream.skipOperator(".")) name += `.${this.stream.expect("name").value as string}`;
    return name;
  }
}
