/**
 * Python's `str()` and `repr()`.
 */
import type { Budget } from "./budget.ts";
import { UnsupportedError } from "./failure.ts";
import {
  Callable,
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

/** Charges `budget` for the text while it grows. */
export function toText(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  return represent(value, budget);
}

export function represent(value: Value, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  const write = (text: string) => {
    length += text.length;
    if (length > budget.maxSize) budget.make(length);
    budget.read(text.length);
    parts.push(text);
  };
  writeRepresentation(value, write, budget);
  return parts.join("");
}

type Write = (text: string) => void;

function writeRepresentation(value: Value, write: Write, budget: Budget): void {
  if (value === null) write("None");
  else if (typeof value === "boolean") write(value ? "True" : "False");
  else if (typeof value === "bigint") write(String(value));
  else if (typeof value === "number") write(floatText(value));
  else if (typeof value === "string") write(quoted(value));
  else budget.nested(() => writeObject(value, write, budget));
}

function writeObject(
  value: Exclude<Value, null | boolean | string | bigint | number>,
  write: Write,
  budget: Budget,
): void {
  const sequence = (open: string, items: readonly Value[], close: string) => {
    write(open);
    for (const [index, item] of items.entries()) {
      if (index > 0) write(", ");
      writeRepresentation(item, write, budget);
    }
    write(close);
  };
  const mapping = (open: string, entries: Iterable<readonly [Value, Value]>, close: string) => {
    write(open);
    let first = true;
    for (const [key, item] of entries) {
      if (!first) write(", ");
      first = false;
      writeRepresentation(key, write, budget);
      write(": ");
      writeRepresentation(item, write, budget);
    }
    write(close);
  };
  if (isList(value)) sequence("[", value, "]");
  else if (value instanceof Tuple) sequence("(", value.items, value.items.length === 1 ? ",)" : ")");
  else if (value instanceof Dict) mapping("{", value.entries(), "}");
  else if (value instanceof Namespace) mapping("<Namespace {", value.members, "}>");
  else if (value instanceof View) sequence(`${value.kind}([`, value.items, "])");
  else if (value instanceof Range) write(rangeText(value));
  else if (value instanceof Undefined) write("Undefined");
  else if (value instanceof Loop) write(`<LoopContext ${value.index + 1}/${value.state.items.all().length}>`);
  else {
    if (value instanceof Callable && value.isMacro) write(`<Macro ${quoted(value.name)}>`);
    else throw new UnsupportedError(`prints a ${typeName(value)}${value instanceof Iteration ? "; add `| list`" : ""}`);
  }
}

function rangeText({ start, stop, step }: Range): string {
  return step === 1n ? `range(${start}, ${stop})` : `range(${start}, ${stop}, ${step})`;
}

/** A float as Python prints it: the shortest digits that give the same number, always with a point or an exponent. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, power] = value.toExponential().split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 ? "-" : "";
  const all = digits.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${all}`;
  const whole = all.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${all.slice(exponent + 1) || "0"}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** The characters that Python escapes: control, format and private characters, and separators other than the space. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let result = quote;
  for (const character of text) {
    if (character === quote) result += `\\${quote}`;
    else result += ESCAPES[character] ?? (UNPRINTABLE.test(character) ? escaped(character.codePointAt(0)!) : character);
  }
  return result + quote;
}

function escaped(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
