/**
 * Jinja2's filters on numbers.
 */
import type { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import type { Filter } from "./filter.ts";
import { fixed } from "./format.ts";
import { isNumber, numberOf } from "./operators.ts";
import { typeName, Undefined, type Value } from "./values.ts";
import { stripEnd, stripStart } from "./whitespace.ts";

export const NUMBER_FILTERS: Readonly<Record<string, Filter>> = {
  abs: {
    parameters: [],
    run: (value) => {
      const number = required(value, "abs()");
      return typeof number === "number" ? Math.abs(number) : number < 0n ? -number : number;
    },
  },
  int: { parameters: ["default", "base"], run: (value, args) => toInteger(value, args) },
  float: {
    parameters: ["default"],
    run: (value, args) => {
      if (value instanceof Undefined) throw value.error();
      return floatOf(value) ?? args.value("default", 0);
    },
  },
  round: { parameters: ["precision", "method"], run: (value, args) => round(value, args) },
};

function required(value: Value, operation: string): bigint | number {
  if (isNumber(value)) return numberOf(value);
  if (value instanceof Undefined) throw value.error();
  throw new PythonError(`bad operand type for ${operation}: '${typeName(value)}'`);
}

const PREFIXES: Readonly<Record<number, RegExp>> = { 2: /^0b_?/i, 8: /^0o_?/i, 16: /^0x_?/i };

function toInteger(value: Value, args: CallArguments): Value {
  const fallback = args.value("default", 0n);
  if (value instanceof Undefined) throw value.error();
  if (typeof value === "string") {
    const whole = integerOf(value, args.integer("base", 10));
    if (whole !== undefined) return whole;
  } else if (isNumber(value) && typeof value !== "number") return numberOf(value);
  const float = floatOf(value);
  if (float === undefined || Number.isNaN(float)) return fallback;
  if (!Number.isFinite(float)) {
    if (typeof value === "number") throw new PythonError("cannot convert float infinity to integer");
    return fallback;
  }
  return BigInt(Math.trunc(float));
}

/** Python's `int(text, base)`; undefined for text that is not an integer. */
function integerOf(text: string, base: number): bigint | undefined {
  const trimmed = stripStart(stripEnd(text));
  const sign = /^[-+]/.exec(trimmed)?.[0] ?? "";
  const digits = trimmed.slice(sign.length).replace(PREFIXES[base] ?? /^(?!)/, "");
  if (!/^[\da-z]+(_[\da-z]+)*$/i.test(digits) || digits.length > 4300) return undefined;
  let result = 0n;
  for (const digit of digits.replaceAll("_", "")) {
    const value = Number.parseInt(digit, 36);
    if (value >= base) return undefined;
    result = result * BigInt(base) + BigInt(value);
  }
  return sign === "-" ? -result : result;
}

/** Python's `float(value)`; undefined for anything that is not a number. */
function floatOf(value: Value): number | undefined {
  if (isNumber(value)) return Number(value);
  if (typeof value !== "string") return undefined;
  const text = stripStart(stripEnd(value));
  if (/^[-+]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[-+]?\d+(_\d+)*)?$/i.test(text))
    return Number(text.replaceAll("_", ""));
  const word = /^([-+]?)(inf|infinity|nan)$/i.exec(text);
  if (word === null) return undefined;
  if (word[2]!.toLowerCase() === "nan") return Number.NaN;
  return word[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** No number here has more digits. */
const MAX_PRECISION = 5_000;

function round(value: Value, args: CallArguments): Value {
  const number = required(value, "round()");
  const precision = args.integer("precision", 0);
  const method = args.optional("method") ?? "common";
  if (method === "ceil" || method === "floor") {
    const factor = 10 ** precision;
    return Math[method](Number(number) * factor) / factor;
  }
  if (method !== "common") throw new PythonError("method must be common, ceil or floor");
  if (precision < -MAX_PRECISION) return typeof number === "bigint" ? 0n : 0;
  if (typeof number === "bigint") return precision >= 0 ? number : roundInteger(number, 10n ** BigInt(-precision));
  if (!Number.isFinite(number) || precision > 100) return number;
  if (precision >= 0) return Number(fixed(number, precision));
  const factor = 10 ** -precision;
  return Number(fixed(number / factor, 0)) * factor;
}

/** The multiple of `unit` closest to `value`, ties to the even one. */
function roundInteger(value: bigint, unit: bigint): bigint {
  const remainder = ((value % unit) + unit) % unit;
  const down = value - remainder;
  const isUp = remainder * 2n > unit || (remainder * 2n === unit && (down / unit) % 2n !== 0n);
  return isUp ? down + unit : down;
}
