/**
 * Evaluates the expressions of templates.
 */
import { arithmetic } from "./arithmetic.ts";
import type { Budget } from "./budget.ts";
import { PythonError, UnsupportedError } from "./failure.ts";
import { applyFilter } from "./filters.ts";
import { readItem, readMember, Slice } from "./members.ts";
import { comparison, isNumber, isTrue, iterate, numberOf } from "./operators.ts";
import { escapedOperands, marked, markedByFilter, plain, safeMethod } from "./safe-text.ts";
import type { Scope } from "./scope.ts";
import { joinTexts } from "./string-methods.ts";
import type { Arguments, Expression } from "./syntax.ts";
import { applyTest } from "./tests.ts";
import { toText } from "./text.ts";
import { Callable, Dict, Loop, type NamedValues, SafeText, Tuple, typeName, Undefined, type Value } from "./values.ts";

type Of<Type extends Expression["type"]> = Extract<Expression, { type: Type }>;

export class Evaluator {
  protected readonly budget: Budget;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  evaluate(expression: Expression, scope: Scope): Value {
    return plain(this.evaluateMarked(expression, scope));
  }

  /** Preserves safe texts, which only variables, conditions and `+` distinguish from plain ones. */
  protected evaluateMarked(expression: Expression, scope: Scope): Value {
    this.budget.charge(1);
    this.budget.enter();
    const value = this.#evaluate(expression, scope);
    this.budget.leave();
    return value;
  }

  #evaluate(expression: Expression, scope: Scope): Value {
    switch (expression.type) {
      case "constant":
        return expression.value;
      case "name":
        return scope.get(expression.name) ?? undefinedName(expression.name, scope);
      case "list":
        return expression.items.map((item) => this.evaluate(item, scope));
      case "tuple":
        return new Tuple(expression.items.map((item) => this.evaluate(item, scope)));
      case "dict":
        return new Dict(
          expression.entries.map(([keyNode, valueNode]) => {
            const key = this.evaluate(keyNode, scope);
            if (typeof key === "string") this.budget.read(key.length);
            return [key, this.evaluate(valueNode, scope)] as const;
          }),
        );
      case "attribute":
        return this.#attribute(expression, scope);
      case "item":
        return this.#item(expression, scope);
      case "call":
        return this.#call(expression, scope);
      case "filter":
        return this.filter(expression, this.evaluateMarked(expression.input!, scope), scope);
      case "test": {
        const value = this.evaluate(expression.input, scope);
        const [positional] = this.arguments(expression.args, scope);
        return applyTest(expression.name, value, positional, this.budget);
      }
      case "unary":
        return this.#unary(expression, scope);
      case "binary":
        return this.#binary(expression, scope);
      case "logic": {
        const left = this.evaluateMarked(expression.left, scope);
        return isTrue(plain(left)) === (expression.operator === "or")
          ? left
          : this.evaluateMarked(expression.right, scope);
      }
      case "concat": {
        const parts = expression.parts.map((part) => toText(this.evaluate(part, scope), this.budget));
        return joinTexts(parts, "", this.budget);
      }
      case "compare":
        return this.#compare(expression, scope);
      case "conditional": {
        if (isTrue(this.evaluate(expression.test, scope))) return this.evaluateMarked(expression.value, scope);
        if (expression.otherwise !== undefined) return this.evaluateMarked(expression.otherwise, scope);
        return new Undefined("the inline if-expression evaluated to false and no else section was defined.");
      }
      case "slice":
        throw new PythonError("a slice stands outside a subscript");
    }
  }

  /** Applies a filter expression to a value, which `{% filter %}` and `{% set %}` blocks give. */
  protected filter({ name, args }: Of<"filter">, value: Value, scope: Scope): Value {
    const [positional, named] = this.arguments(args, scope);
    return markedByFilter(name, value, applyFilter({ name, value: plain(value), positional, named }, this.budget));
  }

  protected call(callee: Value, positional: readonly Value[], named: NamedValues): Value {
    if (callee instanceof Callable) return this.budget.nested(() => callee.call(positional, named));
    if (callee instanceof Undefined) throw callee.error();
    if (callee instanceof Loop) {
      if (callee.state.recurse === undefined) {
        throw new PythonError("The loop must have the 'recursive' marker to be called recursively.");
      }
      return callee.state.recurse(positional[0] ?? null);
    }
    throw new PythonError(`'${typeName(callee)}' object is not callable`);
  }

  protected arguments(args: Arguments, scope: Scope, keepsMarks = false): [Value[], Map<string, Value>] {
    const evaluate = (argument: Expression) =>
      keepsMarks ? this.evaluateMarked(argument, scope) : this.evaluate(argument, scope);
    const positional = args.positional.map(evaluate);
    const named = new Map(args.named.map(([name, argument]) => [name, evaluate(argument)] as const));
    if (args.spread !== undefined) {
      const spread = iterate(this.evaluate(args.spread, scope), this.budget);
      this.budget.make(spread.length);
      positional.push(...spread);
    }
    if (args.namedSpread !== undefined) {
      const spread = this.evaluate(args.namedSpread, scope);
      if (!(spread instanceof Dict)) throw new PythonError("argument after ** must be a mapping");
      for (const [name, value] of spread.entries()) {
        if (typeof name !== "string") throw new PythonError("keywords must be strings");
        if (named.has(name)) throw new PythonError(`got multiple values for keyword argument '${name}'`);
        named.set(name, value);
      }
    }
    return [positional, named];
  }

  #call({ callee, args }: Of<"call">, scope: Scope): Value {
    const called = this.evaluate(callee, scope);
    const isMacro = called instanceof Callable && called.isMacro;
    return this.call(called, ...this.arguments(args, scope, isMacro));
  }

  #attribute({ object, name }: Of<"attribute">, scope: Scope): Value {
    const owner = this.evaluateMarked(object, scope);
    const value = readMember(plain(owner), name, this.budget);
    return owner instanceof SafeText ? safeMethod(value) : value;
  }

  #item({ object, key }: Of<"item">, scope: Scope): Value {
    const container = this.evaluateMarked(object, scope);
    return marked(readItem(plain(container), this.#key(key, scope), this.budget), container instanceof SafeText);
  }

  #key(key: Expression, scope: Scope): Value | Slice {
    if (key.type !== "slice") return this.evaluate(key, scope);
    const bounds = key.bounds.map((bound) => (bound === undefined ? null : this.evaluate(bound, scope)));
    return new Slice(bounds as [Value, Value, Value]);
  }

  #binary({ operator, left, right }: Of<"binary">, scope: Scope): Value {
    const [a, b] = [this.evaluateMarked(left, scope), this.evaluateMarked(right, scope)];
    if (!(a instanceof SafeText || b instanceof SafeText)) return arithmetic(operator, a, b, this.budget);
    if (operator === "%") throw new UnsupportedError("formats a safe text with %");
    const operands = operator === "+" ? escapedOperands(a, b) : ([plain(a), plain(b)] as const);
    return marked(arithmetic(operator, ...operands, this.budget), true);
  }

  #unary({ operator, operand }: Of<"unary">, scope: Scope): Value {
    const value = this.evaluate(operand, scope);
    if (operator === "not") return !isTrue(value);
    if (value instanceof Undefined) throw value.error();
    if (!isNumber(value)) throw new PythonError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
    const number = numberOf(value);
    return operator === "-" ? -number : number;
  }

  /** A chain such as `1 < x < 3`, in which each operand is evaluated once. */
  #compare({ first, rest }: Of<"compare">, scope: Scope): boolean {
    let left = this.evaluate(first, scope);
    for (const [operator, operand] of rest) {
      const right = this.evaluate(operand, scope);
      if (!comparison(operator, left, right, this.budget)) return false;
      left = right;
    }
    return true;
  }
}

/** Null is a value, so only a second lookup distinguishes a missing name. */
function undefinedName(name: string, scope: Scope): Value {
  return scope.get(name) === null ? null : new Undefined(`'${name}' is undefined`);
}
