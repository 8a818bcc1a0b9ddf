/**
 * Jinja2's tests: `value is name(…)`.
 */
import { arithmetic } from "./arithmetic.ts";
import type { Budget } from "./budget.ts";
import { PythonError } from "./failure.ts";
import { FILTER_NAMES, TEST_NAMES } from "./names.ts";
import { comparison, contains, isIterable, isNumber, lengthOf } from "./operators.ts";
import { stringMethod } from "./string-methods.ts";
import { toText } from "./text.ts";
import { Callable, Dict, isList, Loop, Range, Tuple, Undefined, type Value } from "./values.ts";

/** Spellings of the comparison operators as tests. */
const COMPARISONS: Readonly<Record<string, string>> = {
  "==": "==",
  eq: "==",
  equalto: "==",
  "!=": "!=",
  ne: "!=",
  "<": "<",
  lt: "<",
  lessthan: "<",
  "<=": "<=",
  le: "<=",
  ">": ">",
  gt: ">",
  greaterthan: ">",
  ">=": ">=",
  ge: ">=",
};

/** Applies a test. Throws for an unknown one, which only `select('name')` can ask for. */
export function applyTest(name: string, value: Value, args: readonly Value[], budget: Budget): boolean {
  const argument = () => {
    if (args[0] === undefined) throw new PythonError(`the test ${name} needs an argument`);
    return args[0];
  };
  const operator = Object.hasOwn(COMPARISONS, name) ? COMPARISONS[name] : undefined;
  if (operator !== undefined) return comparison(operator, value, argument(), budget);
  switch (name) {
    case "defined":
      return !(value instanceof Undefined);
    case "undefined":
      return value instanceof Undefined;
    case "none":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "true":
      return value === true;
    case "false":
      return value === false;
    case "string":
      return typeof value === "string";
    case "number":
      return isNumber(value);
    case "integer":
      return typeof value === "bigint";
    case "float":
      return typeof value === "number";
    case "mapping":
      return value instanceof Dict;
    case "sequence":
      return (
        value instanceof Undefined ||
        value instanceof Dict ||
        value instanceof Range ||
        value instanceof Tuple ||
        typeof value === "string" ||
        isList(value)
      );
    case "iterable":
      return isIterable(value);
    case "callable":
      return value instanceof Callable || value instanceof Loop || value instanceof Undefined;
    case "odd":
    case "even":
      return comparison("==", arithmetic("%", value, 2n, budget), name === "odd" ? 1n : 0n, budget);
    case "divisibleby":
      return comparison("==", arithmetic("%", value, argument(), budget), 0n, budget);
    case "in":
      return contains(argument(), value, budget);
    case "sameas":
      return value === argument();
    case "upper":
    case "lower":
      return stringMethod(toText(value, budget), `is${name}`, budget)!([], new Map()) === true;
    case "filter":
      return typeof value === "string" && FILTER_NAMES.has(value);
    case "test":
      return typeof value === "string" && TEST_NAMES.has(value);
    default:
      throw new PythonError(`No test named '${name}' found`);
  }
}

/** The number of items, as Python's `len()`. */
export function requireLength(value: Value, type: string): number {
  const length = lengthOf(value);
  if (length === undefined) throw new PythonError(`object of type '${type}' has no len()`);
  return length;
}
