/**
 * Python's `json.dumps` and `json.loads`. Unlike JavaScript's, they tell integers from floats and keep the order of all keys.
 */
import type { Budget } from "./budget.ts";
import { PythonError } from "./failure.ts";
import { compare } from "./operators.ts";
import { floatText } from "./text.ts";
import { Dict, isList, Tuple, typeName, Undefined, type Value } from "./values.ts";

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** The text that indents one level; undefined for everything on one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Writes a value as JSON. Charges `budget` while the text grows; throws for what Python cannot serialise. */
export function toJson(value: Value, options: JsonOptions, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  const write = (text: string) => {
    length += text.length;
    if (length > budget.maxSize) budget.make(length);
    budget.read(text.length);
    parts.push(text);
  };
  new Writer(options, write, budget).value(value, 0);
  return parts.join("");
}

class Writer {
  readonly #options: JsonOptions;
  readonly #write: (text: string) => void;
  readonly #budget: Budget;

  constructor(options: JsonOptions, write: (text: string) => void, budget: Budget) {
    this.#options = options;
    this.#write = write;
    this.#budget = budget;
  }

  value(value: Value, level: number): void {
    if (typeof value === "string") this.#write(this.#quoted(value));
    else if (isList(value)) this.#list(value, level);
    else if (value instanceof Tuple) this.#list(value.items, level);
    else if (value instanceof Dict) this.#dict(value, level);
    else this.#write(scalar(value));
  }

  #list(items: readonly Value[], level: number): void {
    this.#write("[");
    this.#budget.nested(() => {
      for (const [index, item] of items.entries()) {
        if (index > 0) this.#write(this.#options.itemSeparator);
        this.#newLine(level + 1);
        this.value(item, level + 1);
      }
    });
    if (items.length > 0) this.#newLine(level);
    this.#write("]");
  }

  #dict(dict: Dict, level: number): void {
    const entries = dict.entries();
    if (this.#options.sortKeys) entries.sort(([a], [b]) => compare(a, b, "<", this.#budget));
    this.#write("{");
    this.#budget.nested(() => {
      for (const [index, [key, item]] of entries.entries()) {
        if (index > 0) this.#write(this.#options.itemSeparator);
        this.#newLine(level + 1);
        this.#write(this.#quoted(keyText(key)));
        this.#write(this.#options.keySeparator);
        this.value(item, level + 1);
      }
    });
    if (entries.length > 0) this.#newLine(level);
    this.#write("}");
  }

  #newLine(level: number): void {
    const { indent } = this.#options;
    if (indent === undefined) return;
    this.#budget.make(indent.length * level);
    this.#write(`\n${indent.repeat(level)}`);
  }

  #quoted(text: string): string {
    // JSON.stringify escapes what json.dumps escapes, and lone surrogates, which JSON texts seldom have.
    const quoted = JSON.stringify(text);
    return this.#options.ensureAscii ? quoted.replace(/[\x7f-\uffff]/g, asciiEscape) : quoted;
  }
}

function asciiEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function scalar(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    return Number.isFinite(value)
      ? floatText(value)
      : Number.isNaN(value)
        ? "NaN"
        : value > 0
          ? "Infinity"
          : "-Infinity";
  }
  if (value instanceof Undefined) throw new PythonError("Object of type Undefined is not JSON serializable");
  throw new PythonError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function keyText(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null || typeof key === "boolean" || typeof key === "bigint" || typeof key === "number")
    return scalar(key);
  throw new PythonError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const STRING = /"[^"\\]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\]*)*"/y;
const WORDS: Readonly<Record<string, Value>> = {
  null: null,
  true: true,
  false: false,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};
const MAX_NESTING = 32;

/** Reads JSON. Throws a SyntaxError that names the position for invalid text, or text nested too deep. */
export function fromJson(text: string): Value {
  let at = 0;
  const fail = () => new SyntaxError(`invalid JSON at character ${at + 1}`);
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  };
  const skipSpace = () => {
    while (" \t\n\r".includes(text[at] ?? "x")) at++;
  };
  const skip = (character: string) => {
    skipSpace();
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const string = () => {
    skipSpace();
    const found = match(STRING);
    if (found === null) throw fail();
    try {
      return JSON.parse(found[0]) as string;
    } catch {
      throw new SyntaxError(`invalid JSON: a line break or control character in the text that ends at character ${at}`);
    }
  };

  function value(depth: number): Value {
    if (depth > MAX_NESTING) throw new SyntaxError(`JSON nests more than ${MAX_NESTING} levels deep`);
    skipSpace();
    if (text[at] === '"') return string();
    if (skip("[")) return list(depth + 1);
    if (skip("{")) return dict(depth + 1);
    const word = Object.keys(WORDS).find((one) => text.startsWith(one, at));
    if (word !== undefined) {
      at += word.length;
      return WORDS[word]!;
    }
    const number = match(NUMBER);
    if (number === null) throw fail();
    return number[1] === undefined && number[2] === undefined ? BigInt(number[0]) : Number(number[0]);
  }

  function list(depth: number): Value {
    const items: Value[] = [];
    if (skip("]")) return items;
    do items.push(value(depth));
    while (skip(","));
    if (!skip("]")) throw fail();
    return items;
  }

  function dict(depth: number): Value {
    const entries: [string, Value][] = [];
    if (skip("}")) return new Dict();
    do {
      const key = string();
      if (!skip(":")) throw fail();
      entries.push([key, value(depth)]);
    } while (skip(","));
    if (!skip("}")) throw fail();
    return new Dict(entries);
  }

  const result = value(0);
  skipSpace();
  if (at < text.length) throw fail();
  return result;
}
