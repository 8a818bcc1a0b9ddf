/**
 * Python's truth, iteration and comparison.
 */
import type { Budget } from "./budget.ts";
import { PythonError } from "./failure.ts";
import {
  Dict,
  Iteration,
  isList,
  Loop,
  Namespace,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

export function isTrue(value: Value): boolean {
  if (value === null || typeof value === "boolean") return value ?? false;
  if (typeof value === "string") return value !== "";
  if (typeof value === "bigint") return value !== 0n;
  if (typeof value === "number") return value !== 0;
  if (isList(value)) return value.length > 0;
  if (value instanceof Tuple || value instanceof View) return value.items.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof Range) return value.length > 0;
  return !(value instanceof Undefined);
}

/** The characters of a text as Python counts them. */
export function characters(text: string): string[] {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text.split("");
}

/** The number of characters as Python counts them. */
export function textLength(text: string): number {
  if (!/[\ud800-\udfff]/.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** The items that a loop over `value` visits. Reads an iterator to its end. */
export function iterate(value: Value, budget: Budget): readonly Value[] {
  const items = itemsOf(value);
  if (items === undefined) throw new PythonError(`'${typeName(value)}' object is not iterable`);
  budget.read(items.length);
  return items;
}

function itemsOf(value: Value): readonly Value[] | undefined {
  if (typeof value === "string") return characters(value);
  if (isList(value)) return value;
  if (value instanceof Tuple || value instanceof View) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof Range) return value.items();
  if (value instanceof Iteration) return value.take();
  if (value instanceof Undefined) return [];
  return value instanceof Loop ? value.state.items.all().slice(value.index + 1) : undefined;
}

export function isIterable(value: Value): boolean {
  return typeof value === "string" || (typeof value === "object" && value !== null && !isScalarObject(value));
}

function isScalarObject(value: object): boolean {
  return !(
    Array.isArray(value) ||
    value instanceof Tuple ||
    value instanceof View ||
    value instanceof Dict ||
    value instanceof Range ||
    value instanceof Iteration ||
    value instanceof Undefined ||
    value instanceof Loop
  );
}

/** Python's `len()`, or undefined for a value without a length. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === "string") return textLength(value);
  if (isList(value)) return value.length;
  if (value instanceof Tuple || value instanceof View) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) return 0;
  return value instanceof Loop ? value.state.items.all().length : undefined;
}

export function isNumber(value: Value): value is boolean | bigint | number {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
}

/** A number with booleans as 0 and 1. */
export function numberOf(value: boolean | bigint | number): bigint | number {
  return typeof value === "boolean" ? BigInt(value) : value;
}

function areSame(left: bigint | number, right: bigint | number): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: it compares an integer with a float exactly, and coerces nothing else
  return left == right;
}

export function areEqual(left: Value, right: Value, budget: Budget): boolean {
  if (isNumber(left) && isNumber(right)) return areSame(numberOf(left), numberOf(right));
  if (typeof left === "string" || typeof right === "string") {
    if (left === right && typeof left === "string") budget.read(left.length);
    return left === right;
  }
  if (left === null || right === null || isNumber(left) || isNumber(right)) return left === right;
  if (left instanceof Undefined) return right instanceof Undefined;
  const pairs = (a: readonly Value[], b: readonly Value[]) => {
    if (a.length !== b.length) return false;
    budget.read(a.length);
    return budget.nested(() => a.every((item, index) => areEqual(item, b[index]!, budget)));
  };
  if (isList(left)) return isList(right) && pairs(left, right);
  if (left instanceof Tuple) return right instanceof Tuple && pairs(left.items, right.items);
  if (left instanceof Range) return right instanceof Range && pairs(left.items(), right.items());
  if (left instanceof Dict && right instanceof Dict) {
    if (left.size !== right.size) return false;
    budget.read(left.size);
    return budget.nested(() =>
      left.entries().every(([key, item]) => {
        const other = right.get(key);
        return other !== undefined && areEqual(item, other, budget);
      }),
    );
  }
  return left === right;
}

/** Negative, zero or positive as `left` is less than, equal to or greater than `right`. NaN is neither. */
export function compare(left: Value, right: Value, operator: string, budget: Budget): number {
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [numberOf(left), numberOf(right)];
    return a < b ? -1 : a > b ? 1 : areSame(a, b) ? 0 : Number.NaN;
  }
  if (typeof left === "string" && typeof right === "string") {
    budget.read(Math.min(left.length, right.length));
    return compareTexts(left, right);
  }
  const sequences =
    isList(left) && isList(right)
      ? ([left, right] as const)
      : left instanceof Tuple && right instanceof Tuple
        ? ([left.items, right.items] as const)
        : undefined;
  if (sequences !== undefined) {
    const [a, b] = sequences;
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      budget.charge(1);
      if (areEqual(a[index]!, b[index]!, budget)) continue;
      return budget.nested(() => compare(a[index]!, b[index]!, operator, budget));
    }
    return a.length - b.length;
  }
  for (const value of [left, right]) if (value instanceof Undefined) throw value.error();
  throw new PythonError(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** By code point; JavaScript compares by UTF-16 unit. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  if (at === left.length || at === right.length) return left.length - right.length;
  const isSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xe000;
  const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
  // A surrogate belongs to a code point above every other unit.
  return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
}

/** Python's `in`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") {
      if (item instanceof Undefined)
        throw new PythonError("'in <string>' requires string as left operand, not Undefined");
      throw new PythonError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    budget.read(container.length);
    return container.includes(item);
  }
  if (container instanceof Dict) {
    if (typeof item === "string") budget.read(item.length);
    return container.get(item) !== undefined;
  }
  if (container instanceof Namespace) throw new PythonError("argument of type 'Namespace' is not iterable");
  const items = itemsOf(container);
  if (items === undefined) throw new PythonError(`argument of type '${typeName(container)}' is not iterable`);
  budget.read(items.length);
  return items.some((one) => {
    budget.charge(1 / 16);
    return areEqual(one, item, budget);
  });
}

/** Evaluates a comparison operator of a template. */
export function comparison(operator: string, left: Value, right: Value, budget: Budget): boolean {
  switch (operator) {
    case "==":
      return areEqual(left, right, budget);
    case "!=":
      return !areEqual(left, right, budget);
    case "in":
      return contains(right, left, budget);
    case "not in":
      return !contains(right, left, budget);
    case "<":
      return compare(left, right, operator, budget) < 0;
    case "<=":
      return compare(left, right, operator, budget) <= 0;
    case ">":
      return compare(left, right, operator, budget) > 0;
    default:
      return compare(left, right, operator, budget) >= 0;
  }
}
