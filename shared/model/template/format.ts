/**
 * Python's `%` operator on texts, `str.format` and the format specifications that both use.
 */
import type { Budget } from "./budget.ts";
import { PythonError, UnsupportedError } from "./failure.ts";
import { floatText, represent, toText } from "./text.ts";
import { Dict, isList, type NamedValues, Tuple, typeName, type Value } from "./values.ts";

interface Specification {
  fill: string;
  align: string;
  sign: string;
  width: number;
  grouping: string;
  precision: number | undefined;
  type: string;
}

const SPECIFICATION = /^(?:(.)?([<>=^]))?([-+ ])?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGosxX%])?$/su;

const PERCENT = /%(?:\(([^)]{0,1000})\))?([-#0 +]*)(\d+|\*)?(?:\.(\d+|\*))?([hlL]?)(.)?/gsu;

/** `template % values`. */
export function formatPercent(template: string, values: Value, budget: Budget): string {
  const positional = values instanceof Tuple ? [...values.items] : [values];
  let used = 0;
  let byName = false;
  const limited = growth(template, budget);
  const result = template.replace(PERCENT, (...match: (string | undefined)[]) => {
    const [, name, flags = "", width, precision, , conversion] = match;
    if (conversion === "%") return "%";
    if (conversion === undefined) throw new PythonError("incomplete format");
    if (width === "*" || precision === "*") throw new UnsupportedError("formats with a width from its arguments");
    let value: Value | undefined;
    if (name !== undefined) {
      if (!(values instanceof Dict)) throw new PythonError("format requires a mapping");
      byName = true;
      value = values.get(name);
      if (value === undefined) throw new PythonError(`KeyError: '${name}'`);
    } else {
      value = positional[used++];
      if (value === undefined) throw new PythonError("not enough arguments for format string");
    }
    const specification: Specification = {
      fill: flags.includes("0") && !flags.includes("-") && !/[sr]/.test(conversion) ? "0" : " ",
      align: flags.includes("-") ? "<" : flags.includes("0") && !/[sr]/.test(conversion) ? "=" : ">",
      sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
      width: bounded(width, budget),
      grouping: "",
      precision: precision === undefined ? undefined : bounded(precision, budget),
      type:
        conversion === "i" || conversion === "u" ? "d" : conversion === "r" || conversion === "a" ? "s" : conversion,
    };
    if (conversion === "s") return limited(formatText(toText(value, budget), specification));
    if (conversion === "r" || conversion === "a") return limited(formatText(represent(value, budget), specification));
    if (conversion === "c") return limited(formatText(characterOf(value), specification));
    if (!/[dfFeEgGxXo]/.test(specification.type)) throw new PythonError(`unsupported format character '${conversion}'`);
    if (typeof value === "boolean") value = BigInt(value);
    if (typeof value !== "bigint" && typeof value !== "number") {
      throw new PythonError(`%${conversion} format: a real number is required, not ${typeName(value)}`);
    }
    if (specification.type === "d" && typeof value === "number") value = BigInt(Math.trunc(value));
    return limited(formatNumber(value, specification));
  });
  if (!byName && used < positional.length && !(values instanceof Dict) && !(isList(values) && used === 0)) {
    throw new PythonError("not all arguments converted during string formatting");
  }
  return result;
}

/** Charges for the texts that a format inserts, one by one. */
function growth(template: string, budget: Budget): (inserted: string) => string {
  let length = template.length;
  budget.make(length);
  return (inserted) => {
    length += inserted.length;
    if (length > budget.maxSize) budget.make(length);
    budget.read(inserted.length);
    return inserted;
  };
}

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::([^{}]*))?\}|[{}]/g;

export interface FormatInput {
  readonly positional: readonly Value[];
  readonly named: NamedValues;
  /** Reads `object.name` and `object[name]` as a template does. */
  readonly read: (object: Value, name: string, isAttribute: boolean) => Value;
  readonly budget: Budget;
}

/** `template.format(…)`. */
export function formatBraces(template: string, { positional, named, read, budget }: FormatInput): string {
  let next = 0;
  const limited = growth(template, budget);
  return template.replace(FIELD, (whole, field?: string, conversion?: string, specification?: string) => {
    if (whole === "{{" || whole === "}}") return whole[0]!;
    if (field === undefined) throw new PythonError(`Single '${whole}' encountered in format string`);
    const [, head = "", path = ""] = /^([^.[]*)(.*)$/s.exec(field)!;
    const key = head === "" ? String(next++) : head;
    let value = /^\d+$/.test(key) ? positional[Number(key)] : named.get(key);
    if (value === undefined) throw new PythonError(`no argument {${key}} for the format string`);
    for (const [, attribute, item] of path.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
      value = read(value, (attribute ?? item)!, attribute !== undefined);
    }
    if (conversion === "s") value = toText(value, budget);
    else if (conversion !== undefined) value = represent(value, budget);
    const text = (specification ?? "") === "" ? toText(value, budget) : formatValue(value, specification!, budget);
    return limited(text);
  });
}

function formatValue(value: Value, text: string, budget: Budget): string {
  const match = SPECIFICATION.exec(text);
  if (match === null) throw new UnsupportedError(`formats with the specification ${JSON.stringify(text)}`);
  const [, fill, align, sign = "-", zero, width, grouping = "", precision, type = ""] = match;
  const isText = typeof value === "string";
  const specification: Specification = {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero === undefined ? (isText ? "<" : ">") : isText ? "<" : "="),
    sign,
    width: bounded(width, budget),
    grouping,
    precision: precision === undefined ? undefined : bounded(precision, budget),
    type,
  };
  if (isText) {
    if (!/^s?$/.test(type)) throw new PythonError(`Unknown format code '${type}' for object of type 'str'`);
    return formatText(value, specification);
  }
  if (typeof value === "bigint" || typeof value === "number") {
    if (type === "s") throw new PythonError(`Unknown format code 's' for object of type '${typeName(value)}'`);
    return formatNumber(value, specification);
  }
  throw new PythonError(`unsupported format string passed to ${typeName(value)}.__format__`);
}

function bounded(digits: string | undefined, budget: Budget): number {
  const value = Number(digits ?? 0);
  budget.make(value);
  return value;
}

function formatText(text: string, specification: Specification): string {
  const { precision } = specification;
  return pad("", precision === undefined ? text : Array.from(text).slice(0, precision).join(""), specification);
}

function formatNumber(value: bigint | number, specification: Specification): string {
  const negative = value < 0 || Object.is(value, -0);
  const sign = negative ? "-" : specification.sign === "-" ? "" : specification.sign;
  return pad(sign, grouped(digitsOf(negative ? -value : value, specification), specification.grouping), specification);
}

function digitsOf(value: bigint | number, { type, precision }: Specification): string {
  const isInteger = typeof value === "bigint";
  switch (type) {
    case "":
      if (!isInteger && precision !== undefined)
        throw new UnsupportedError("formats a number with a precision and no code");
      return isInteger ? String(value) : floatText(value);
    case "d":
      if (!isInteger) throw new PythonError("Unknown format code 'd' for object of type 'float'");
      return String(value);
    case "x":
    case "X":
    case "o":
    case "b": {
      if (!isInteger) throw new PythonError(`Unknown format code '${type}' for object of type 'float'`);
      const text = value.toString(type === "o" ? 8 : type === "b" ? 2 : 16);
      return type === "X" ? text.toUpperCase() : text;
    }
    case "f":
    case "F":
      return fixed(Number(value), precision ?? 6);
    case "%":
      return `${fixed(Number(value) * 100, precision ?? 6)}%`;
    case "e":
    case "E": {
      const [mantissa, exponent] = scientific(Number(value), precision ?? 6);
      const text = mantissa + exponentText(exponent);
      return type === "E" ? text.toUpperCase() : text;
    }
    case "g":
    case "G": {
      const text = general(Number(value), precision ?? 6);
      return type === "G" ? text.toUpperCase() : text;
    }
    default:
      throw new UnsupportedError(`formats a number with the code ${type}`);
  }
}

/** C's `%g`: `precision` significant digits without trailing zeros, with an exponent where it is shorter. */
function general(value: number, precision: number): string {
  const digits = Math.min(Math.max(precision, 1), 100);
  if (!Number.isFinite(value)) return fixed(value, 0);
  const [mantissa, exponent] = scientific(value, digits - 1);
  const trimmed = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) return trimmed(fixed(value, digits - 1 - exponent));
  return trimmed(mantissa) + exponentText(exponent);
}

/** A number's mantissa with `precision` decimals, ties to even, and its exponent. */
function scientific(value: number, precision: number): [string, number] {
  const split = (text: string) => text.split("e") as [string, string];
  const [mantissa, power] = split(value.toExponential(Math.min(precision, 100)));
  const [longer] = split(value.toExponential(100));
  const cut = longer.indexOf(".") + 1 + precision;
  if (!/^50*$/.test(longer.slice(cut))) return [mantissa, Number(power)];
  const down = precision === 0 ? longer.slice(0, cut - 1) : longer.slice(0, cut);
  // Rounding up to the next power of ten changes an odd digit, 9, so an even one keeps the exponent.
  return Number(down.at(-1)) % 2 === 0 ? [down, Number(split(value.toExponential(100))[1])] : [mantissa, Number(power)];
}

function exponentText(exponent: number): string {
  return `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function characterOf(value: Value): string {
  if (typeof value === "bigint" && value >= 0n && value <= 0x10ffffn) return String.fromCodePoint(Number(value));
  if (typeof value === "string" && Array.from(value).length === 1) return value;
  throw new PythonError("%c requires an int or a single character");
}

/** `toFixed` with ties to even, as C and Python round. */
export function fixed(value: number, precision: number): string {
  if (precision > 100) throw new UnsupportedError(`formats a number with ${precision} decimals`);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e21) return `${BigInt(value)}${precision > 0 ? `.${"0".repeat(precision)}` : ""}`;
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const text = magnitude.toFixed(precision);
  // A tie has a finite expansion: halfway between two texts, exactly.
  const longer = magnitude.toFixed(100);
  const point = longer.indexOf(".");
  const rest = longer.slice(point + 1 + precision);
  if (!/^50*$/.test(rest)) return sign + text;
  const down = precision === 0 ? longer.slice(0, point) : longer.slice(0, point + 1 + precision);
  return sign + (Number(down.at(-1)) % 2 === 0 ? down : text);
}

function grouped(digits: string, separator: string): string {
  return separator === "" ? digits : digits.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, separator));
}

function pad(sign: string, text: string, { fill, align, width }: Specification): string {
  const missing = width - Array.from(sign + text).length;
  if (missing <= 0) return sign + text;
  if (align === "=") return sign + fill.repeat(missing) + text;
  if (align === "<") return sign + text + fill.repeat(missing);
  if (align === ">") return fill.repeat(missing) + sign + text;
  const left = Math.floor(missing / 2);
  return fill.repeat(left) + sign + text + fill.repeat(missing - left);
}
