/**
 * Python's arithmetic: integers limited only by computing time, floats, and the texts, lists and tuples that `+` and
 * `*` join.
 */
import type { Budget } from "./budget.ts";
import { PythonError } from "./failure.ts";
import { formatPercent } from "./format.ts";
import { isNumber, numberOf } from "./operators.ts";
import { isList, Tuple, typeName, Undefined, type Value } from "./values.ts";

export function arithmetic(operator: string, left: Value, right: Value, budget: Budget): Value {
  for (const value of [left, right]) {
    if (value instanceof Undefined && !(operator === "%" && typeof left === "string")) throw value.error();
  }
  if (isNumber(left) && isNumber(right)) return numeric(operator, numberOf(left), numberOf(right), budget);
  if (operator === "%" && typeof left === "string") return formatPercent(left, right, budget);
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") {
      budget.make(left.length + right.length);
      return left + right;
    }
    if (isList(left) && isList(right)) {
      budget.make(left.length + right.length);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      budget.make(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
    if (typeof left === "string" || isList(left) || left instanceof Tuple) {
      const type = typeName(left);
      throw new PythonError(`can only concatenate ${type} (not "${typeName(right)}") to ${type}`);
    }
  }
  if (operator === "*") {
    const repeated = isWhole(right)
      ? repeat(left, right, budget)
      : isWhole(left)
        ? repeat(right, left, budget)
        : undefined;
    if (repeated !== undefined) return repeated;
  }
  const shown = operator === "**" ? "** or pow()" : operator;
  throw new PythonError(`unsupported operand type(s) for ${shown}: '${typeName(left)}' and '${typeName(right)}'`);
}

function isWhole(value: Value): value is bigint | boolean {
  return typeof value === "bigint" || typeof value === "boolean";
}

function repeat(value: Value, times: bigint | boolean, budget: Budget): Value | undefined {
  const count = Math.max(0, Number(times));
  if (typeof value === "string") {
    budget.make(value.length * count);
    return value.repeat(count);
  }
  const items = isList(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (items === undefined) return undefined;
  budget.make(items.length * count);
  const result = Array.from({ length: count }, () => items).flat(1) as Value[];
  return isList(value) ? result : new Tuple(result);
}

function numeric(operator: string, left: bigint | number, right: bigint | number, budget: Budget): Value {
  if (["/", "//", "%"].includes(operator) && Number(right) === 0) throw new PythonError("division by zero");
  if (typeof left === "bigint" && typeof right === "bigint" && operator !== "/" && !(operator === "**" && right < 0n)) {
    return integer(operator, left, right, budget);
  }
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return floatFloorDivide(a, b);
    case "%":
      return floatModulo(a, b);
    default:
      if (a === 0 && b < 0) throw new PythonError("0.0 cannot be raised to a negative power");
      if (a < 0 && !Number.isInteger(b)) throw new PythonError("a fractional power of a negative number is complex");
      return a ** b;
  }
}

/** The most digits of an integer, which bounds the time of one operation. */
const MAX_DIGITS = 4_000;

function integer(operator: string, left: bigint, right: bigint, budget: Budget): bigint {
  const bits = (value: bigint) => value.toString(16).length * 4;
  const size = operator === "**" ? bits(left) * Number(right) : operator === "*" ? bits(left) + bits(right) : 0;
  if (size > MAX_DIGITS * 4) throw new PythonError("an integer has too many digits");
  budget.read(size);
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "**":
      return left ** right;
    case "%":
      return left - right * floorDivide(left, right);
    default:
      return floorDivide(left, right);
  }
}

function floorDivide(left: bigint, right: bigint): bigint {
  const quotient = left / right;
  return left % right !== 0n && left < 0n !== right < 0n ? quotient - 1n : quotient;
}

/** The quotient that belongs to the remainder, which may be one less than the rounded quotient's floor. */
function floatFloorDivide(left: number, right: number): number {
  const quotient = (left - floatModulo(left, right)) / right;
  if (quotient === 0) return left / right < 0 || Object.is(left / right, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** The remainder with the sign of the divisor. */
function floatModulo(left: number, right: number): number {
  const remainder = left % right;
  if (remainder === 0) return right < 0 ? -0 : 0;
  return remainder < 0 !== right < 0 ? remainder + right : remainder;
}
