/**
 * Runs the statements of templates.
 */
import type { Budget } from "./budget.ts";
import { Evaluator } from "./expressions.ts";
import { PythonError } from "./failure.ts";
import { createMacro } from "./macros.ts";
import { isTrue, iterate } from "./operators.ts";
import { Output } from "./output.ts";
import { plain } from "./safe-text.ts";
import { Scope } from "./scope.ts";
import type { Body, Expression, Parameter, Statement, Target } from "./syntax.ts";
import { toText } from "./text.ts";
import { type Callable, Loop, LoopItems, Namespace, type Value } from "./values.ts";

type Of<Type extends Statement["type"]> = Extract<Statement, { type: Type }>;

/** The statement that ends a loop's body early. */
type Jump = "break" | "continue" | undefined;

/** The text [start, end) that a `{% generation %}` block wrote. */
export interface Generation {
  readonly start: number;
  readonly end: number;
}

export class Interpreter extends Evaluator {
  /** The line of the current statement, for errors. */
  line = 1;
  readonly generations: Generation[] = [];
  readonly #output: Output;

  constructor(budget: Budget) {
    super(budget);
    this.#output = new Output(budget);
  }

  run(body: Body, scope: Scope): string {
    this.#body(body, scope, this.#output);
    return this.#output.text();
  }

  #body(body: Body, scope: Scope, output: Output): Jump {
    for (const statement of body) {
      const jump = this.#statement(statement, scope, output);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  #statement(statement: Statement, scope: Scope, output: Output): Jump {
    this.budget.charge(1);
    this.line = statement.line;
    switch (statement.type) {
      case "text":
        output.write(statement.text);
        return undefined;
      case "output":
        output.write(toText(this.evaluate(statement.value, scope), this.budget));
        return undefined;
      case "if":
        return this.budget.nested(() => this.#if(statement, scope, output));
      case "for":
        this.budget.nested(() => this.#for(statement, scope, output));
        return undefined;
      case "set":
        this.#assign(statement.target, this.evaluateMarked(statement.value, scope), scope);
        return undefined;
      case "set-block":
        this.#assign(statement.target, this.#filtered(statement.filter, statement.body, scope), scope);
        return undefined;
      case "filter-block":
        output.write(toText(plain(this.#filtered(statement.filter, statement.body, scope)), this.budget));
        return undefined;
      case "macro":
        scope.set(statement.name, this.#macro(statement.name, statement.parameters, statement.body, scope));
        return undefined;
      case "call-block":
        output.write(toText(this.#callBlock(statement, scope), this.budget));
        return undefined;
      case "with":
        return this.budget.nested(() => {
          const inner = new Scope(scope);
          const values = statement.bindings.map(([, expression]) => this.evaluate(expression, scope));
          for (const [index, [target]] of statement.bindings.entries()) this.#assign(target, values[index]!, inner);
          return this.#body(statement.body, inner, output);
        });
      case "generation":
        this.#generation(statement, scope, output);
        return undefined;
      case "break":
      case "continue":
        return statement.type;
    }
  }

  #if({ branches, otherwise }: Of<"if">, scope: Scope, output: Output): Jump {
    for (const [test, body] of branches) {
      if (isTrue(this.evaluate(test, scope))) return this.#body(body, scope, output);
    }
    return this.#body(otherwise, scope, output);
  }

  #for(statement: Of<"for">, scope: Scope, output: Output): void {
    const iterable = this.evaluate(statement.iterable, scope);
    this.#loop(statement, { iterable, scope, output, depth: 1 });
  }

  #loop(
    statement: Of<"for">,
    { iterable, scope, output, depth }: { iterable: Value; scope: Scope; output: Output; depth: number },
  ): void {
    const { target, test, body, otherwise } = statement;
    const passes = (item: Value) => {
      if (test === undefined) return true;
      const inner = new Scope(scope);
      this.#assign(target, item, inner);
      return isTrue(this.evaluate(test, inner));
    };
    const items = new LoopItems(iterate(iterable, this.budget), passes);
    const recurse = (inner: Value) => {
      const nested = new Output(this.budget);
      this.budget.nested(() => this.#loop(statement, { iterable: inner, scope, output: nested, depth: depth + 1 }));
      return nested.text();
    };
    const loop = new Loop({ items, depth, recurse: statement.recursive ? recurse : undefined });
    for (let index = 0, item = items.at(0); item !== undefined; item = items.at(++index)) {
      this.budget.charge(1);
      loop.index = index;
      const inner = new Scope(scope);
      inner.set("loop", loop);
      this.#assign(target, item, inner);
      if (this.#body(body, inner, output) === "break") break;
    }
    if (items.at(0) === undefined) this.#body(otherwise, new Scope(scope), output);
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === "name") scope.set(target.name, value);
    else if (target.type === "member") {
      const namespace = scope.get(target.namespace);
      if (!(namespace instanceof Namespace)) throw new PythonError("cannot assign attribute on non-namespace object");
      namespace.set(target.name, value);
    } else {
      const values = iterate(plain(value), this.budget);
      const expected = target.targets.length;
      if (values.length < expected) {
        throw new PythonError(`not enough values to unpack (expected ${expected}, got ${values.length})`);
      }
      if (values.length > expected) throw new PythonError(`too many values to unpack (expected ${expected})`);
      for (const [index, inner] of target.targets.entries()) this.#assign(inner, values[index]!, scope);
    }
  }

  /** The text of a block in a new scope, passed through a chain of filters if there is one. */
  #filtered(filter: Expression | undefined, body: Body, scope: Scope): Value {
    const text = this.#capture(body, new Scope(scope));
    const apply = (expression: Expression | undefined): Value =>
      expression?.type === "filter" ? this.filter(expression, apply(expression.input), scope) : text;
    return apply(filter);
  }

  #capture(body: Body, scope: Scope): string {
    return this.budget.nested(() => {
      const output = new Output(this.budget);
      this.#body(body, scope, output);
      return output.text();
    });
  }

  #macro(name: string, parameters: readonly Parameter[], body: Body, scope: Scope): Callable {
    return createMacro({
      name,
      parameters,
      body,
      scope,
      evaluate: (expression, inner) => this.evaluate(expression, inner),
      render: (inner) => {
        const { line } = this;
        const text = this.#capture(body, inner);
        this.line = line;
        return text;
      },
    });
  }

  #callBlock({ call, parameters, body }: Of<"call-block">, scope: Scope): Value {
    const { callee, args } = call as Extract<Expression, { type: "call" }>;
    const [positional, named] = this.arguments(args, scope);
    named.set("caller", this.#macro("caller", parameters, body, scope));
    return this.call(this.evaluate(callee, scope), positional, named);
  }

  #generation({ body }: Of<"generation">, scope: Scope, output: Output): void {
    const start = this.#output.length;
    const text = this.#capture(body, new Scope(scope));
    this.generations.push({ start, end: start + text.length });
    output.write(text);
  }
}
