/**
 * The values of a running template. They are Python's, since templates depend on how Python prints, divides and compares:
 *
 * | Python                 | here                        |
 * | ---------------------- | --------------------------- |
 * | `None`, `bool`, `str`  | null, boolean, string       |
 * | `int`                  | bigint                      |
 * | `float`                | number                      |
 * | `list`, `tuple`, `dict`| array, `Tuple`, `Dict`      |
 *
 * Templates cannot change any of them; only a namespace has members that can be set.
 */
import { PythonError } from "./failure.ts";

export type Value = null | boolean | string | bigint | number | readonly Value[] | ObjectValue;
export type ObjectValue = Tuple | Dict | Range | View | Iteration | Undefined | Callable | Namespace | Loop | SafeText;

export class Tuple {
  readonly items: readonly Value[];
  /** The names of the first items of a named tuple. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** A dict with the insertion order and the key equality of Python: 1, 1.0 and True are the same key. */
export class Dict {
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.#set(key, value);
  }

  /** For building a dict only; a template cannot reach it. */
  #set(key: Value, value: Value): void {
    const hash = hashKey(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  values(): Value[] {
    return [...this.#entries.values()].map(([, value]) => value);
  }

  entries(): (readonly [Value, Value])[] {
    return [...this.#entries.values()];
  }
}

export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly length: number;

  constructor(start: bigint, stop: bigint, step: bigint) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    const span = step > 0n ? stop - start + step - 1n : start - stop - step - 1n;
    const count = span / (step > 0n ? step : -step);
    this.length = count > 0n ? Number(count) : 0;
  }

  items(): bigint[] {
    return Array.from({ length: this.length }, (_, index) => this.start + BigInt(index) * this.step);
  }
}

/** What `dict.keys()`, `.values()` and `.items()` return. */
export class View {
  readonly kind: "dict_keys" | "dict_values" | "dict_items";
  readonly items: readonly Value[];

  constructor(kind: View["kind"], items: readonly Value[]) {
    this.kind = kind;
    this.items = items;
  }
}

/** A Python iterator, which can be read once: what `map`, `select` and other lazy filters return. */
export class Iteration {
  #rest: readonly Value[];

  constructor(items: readonly Value[]) {
    this.#rest = items;
  }

  /** The unread items. */
  take(count = Number.POSITIVE_INFINITY): readonly Value[] {
    const taken = this.#rest.slice(0, count);
    this.#rest = this.#rest.slice(taken.length);
    return taken;
  }
}

export class Undefined {
  /** The error for using the value. */
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }

  error(): PythonError {
    return new PythonError(this.problem);
  }
}

/** A text that the filter `safe` has marked; see safe-text.ts. Only variables hold it: operations see the text. */
export class SafeText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type NamedValues = ReadonlyMap<string, Value>;

/** A function, method or macro. */
export class Callable {
  readonly name: string;
  readonly call: (positional: readonly Value[], named: NamedValues) => Value;
  /** Its readable attributes, such as a macro's name. */
  readonly attributes: NamedValues;

  constructor(name: string, call: Callable["call"], attributes: NamedValues = new Map()) {
    this.name = name;
    this.call = call;
    this.attributes = attributes;
  }

  get isMacro(): boolean {
    return this.attributes.has("name");
  }
}

/** The one value with members that a template can set. */
export class Namespace {
  readonly #members = new Map<string, Value>();

  constructor(members: Iterable<readonly [string, Value]>) {
    for (const [name, value] of members) this.set(name, value);
  }

  get members(): NamedValues {
    return this.#members;
  }

  set(name: string, value: Value): void {
    if (name.startsWith("_")) {
      throw new PythonError(
        `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'`,
      );
    }
    this.#members.set(name, value);
  }
}

/**
 * The items that a loop visits. Checks the loop's condition when it reaches an item, since an earlier iteration may
 * have changed a namespace that the condition reads.
 */
export class LoopItems {
  readonly #candidates: readonly Value[];
  readonly #passes: (item: Value) => boolean;
  readonly #items: Value[] = [];
  #next = 0;

  constructor(candidates: readonly Value[], passes: (item: Value) => boolean) {
    this.#candidates = candidates;
    this.#passes = passes;
  }

  at(index: number): Value | undefined {
    while (this.#items.length <= index && this.#next < this.#candidates.length) {
      const candidate = this.#candidates[this.#next++]!;
      if (this.#passes(candidate)) this.#items.push(candidate);
    }
    return this.#items[index];
  }

  all(): readonly Value[] {
    this.at(Number.POSITIVE_INFINITY);
    return this.#items;
  }
}

/** The variable `loop` of a for loop. */
export interface LoopState {
  readonly items: LoopItems;
  readonly depth: number;
  /** Runs the loop on other items, if it is recursive. */
  readonly recurse: ((items: Value) => string) | undefined;
}

export class Loop {
  readonly state: LoopState;
  index = 0;
  /** The arguments of the last `loop.changed(…)`. */
  lastChanged: Value | undefined;

  constructor(state: LoopState) {
    this.state = state;
  }
}

/** The most characters of a tuple's parts in a key. */
const MAX_TUPLE_KEY = 64 * 1024;

/** A text that is equal for keys that Python considers equal. Throws for keys that Python cannot hash. */
export function hashKey(key: Value): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "boolean") return key ? "n1" : "n0";
  if (typeof key === "bigint") return `n${key}`;
  if (typeof key === "number") return Number.isInteger(key) ? `n${BigInt(key)}` : `f${key}`;
  if (key === null) return "none";
  if (key instanceof Tuple) {
    const parts = key.items.map((item) => hashKey(item));
    if (parts.reduce((sum, part) => sum + part.length, 0) > MAX_TUPLE_KEY)
      throw new PythonError("a tuple is too long for a key");
    return `t${parts.map((part) => `${part.length}:${part}`).join("")}`;
  }
  if (key instanceof Undefined) return "undefined";
  throw new PythonError(`unhashable type: '${typeName(key)}'`);
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (Array.isArray(value)) return "list";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "string":
      return "str";
    case "bigint":
      return "int";
    case "number":
      return "float";
  }
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Dict) return "dict";
  if (value instanceof Range) return "range";
  if (value instanceof View) return value.kind;
  if (value instanceof Iteration) return "generator";
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Namespace) return "Namespace";
  return value instanceof Loop ? "LoopContext" : "function";
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
