/**
 * Reading members of values: `value.name` and `value[key]`, as Jinja2's immutable sandbox reads them.
 */
import type { Budget } from "./budget.ts";
import { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import { formatBraces } from "./format.ts";
import { areEqual, characters, iterate } from "./operators.ts";
import { sliceBounds, sliced } from "./slices.ts";
import { stringMethod } from "./string-methods.ts";
import {
  Callable,
  Dict,
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

/** A slice as a key; only subscripts can create one. */
export class Slice {
  readonly bounds: readonly [Value, Value, Value];

  constructor(bounds: readonly [Value, Value, Value]) {
    this.bounds = bounds;
  }
}

/** The methods that change their object, which the sandbox forbids. */
const MUTATING: Readonly<Record<string, ReadonlySet<string>>> = {
  list: new Set("append clear extend insert pop remove reverse sort".split(" ")),
  dict: new Set("clear pop popitem setdefault update".split(" ")),
};

/** `object.name`: a method or attribute, else the item of that name. */
export function readMember(object: Value, name: string, budget: Budget): Value {
  if (object instanceof Undefined) throw object.error();
  const found = attribute(object, name, budget);
  if (found !== undefined) return found;
  return (object instanceof Dict ? object.get(name) : undefined) ?? missing(object, name);
}

/** `object[key]`: an item, else the attribute of that name. */
export function readItem(object: Value, key: Value | Slice, budget: Budget): Value {
  if (object instanceof Undefined) throw object.error();
  if (key instanceof Slice) return readSlice(object, key, budget);
  const found = item(object, key, budget);
  if (found !== undefined) return found;
  return (typeof key === "string" ? attribute(object, key, budget) : undefined) ?? missing(object, key);
}

/** `getattr(object, name)`; undefined when there is no such attribute. */
export function attribute(object: Value, name: string, budget: Budget): Value | undefined {
  if (MUTATING[typeName(object)]?.has(name) || name.startsWith("__")) {
    return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe`);
  }
  if (typeof object === "string") return textAttribute(object, name, budget);
  if (object instanceof Dict) return dictMethod(object, name, budget);
  if (isList(object)) return name === "copy" ? new Callable(name, () => object) : sequenceMethod(object, name, budget);
  if (object instanceof Tuple) {
    const index = object.names.indexOf(name);
    return index >= 0 ? object.items[index] : sequenceMethod(object.items, name, budget);
  }
  if (object instanceof Range) {
    if (name === "start" || name === "stop" || name === "step") return object[name];
    return sequenceMethod(object, name, budget);
  }
  if (object instanceof Namespace) return object.members.get(name);
  if (object instanceof Loop) return loopAttribute(object, name, budget);
  return object instanceof Callable ? object.attributes.get(name) : undefined;
}

function textAttribute(text: string, name: string, budget: Budget): Value | undefined {
  if (name === "format") {
    return new Callable(name, (positional, named) => {
      const read = (object: Value, key: string, isAttribute: boolean) =>
        isAttribute ? readMember(object, key, budget) : readItem(object, /^\d+$/.test(key) ? BigInt(key) : key, budget);
      return formatBraces(text, { positional, named, read, budget });
    });
  }
  const method = stringMethod(text, name, budget);
  return method === undefined ? undefined : new Callable(name, method);
}

function dictMethod(dict: Dict, name: string, budget: Budget): Value | undefined {
  const view = (kind: View["kind"], items: () => readonly Value[]) =>
    new Callable(name, () => {
      budget.read(dict.size);
      return new View(kind, items());
    });
  switch (name) {
    case "get":
      return new Callable(name, (positional, named) => {
        const args = new CallArguments("dict.get()", ["key", "default"], positional, named);
        const key = args.required("key");
        if (typeof key === "string") budget.read(key.length);
        return dict.get(key) ?? args.optional("default") ?? null;
      });
    case "items":
      return view("dict_items", () => dict.entries().map((entry) => new Tuple(entry)));
    case "keys":
      return view("dict_keys", () => dict.keys());
    case "values":
      return view("dict_values", () => dict.values());
    case "copy":
      return new Callable(name, () => dict);
    default:
      return undefined;
  }
}

function sequenceMethod(sequence: readonly Value[] | Range, name: string, budget: Budget): Value | undefined {
  if (name !== "index" && name !== "count") return undefined;
  return new Callable(name, (positional, named) => {
    const wanted = new CallArguments(`list.${name}()`, ["value"], positional, named).required("value");
    const items = iterate(sequence, budget);
    if (name === "count") return BigInt(items.filter((one) => areEqual(one, wanted, budget)).length);
    const index = items.findIndex((one) => areEqual(one, wanted, budget));
    if (index < 0) throw new PythonError("the value is not in the list");
    return BigInt(index);
  });
}

function loopAttribute(loop: Loop, name: string, budget: Budget): Value | undefined {
  const { items, depth } = loop.state;
  switch (name) {
    case "index":
      return BigInt(loop.index + 1);
    case "index0":
      return BigInt(loop.index);
    case "revindex":
      return BigInt(items.all().length - loop.index);
    case "revindex0":
      return BigInt(items.all().length - loop.index - 1);
    case "first":
      return loop.index === 0;
    case "last":
      return items.at(loop.index + 1) === undefined;
    case "length":
      return BigInt(items.all().length);
    case "depth":
      return BigInt(depth);
    case "depth0":
      return BigInt(depth - 1);
    case "previtem":
      return items.at(loop.index - 1) ?? new Undefined("there is no previous item");
    case "nextitem":
      return items.at(loop.index + 1) ?? new Undefined("there is no next item");
    case "cycle":
      return new Callable(name, (values) => {
        if (values.length === 0) throw new PythonError("no items for cycling given");
        return values[loop.index % values.length]!;
      });
    case "changed":
      return new Callable(name, (values) => {
        const given = new Tuple(values);
        const isChanged = loop.lastChanged === undefined || !areEqual(loop.lastChanged, given, budget);
        if (isChanged) loop.lastChanged = given;
        return isChanged;
      });
    default:
      return undefined;
  }
}

function item(object: Value, key: Value, budget: Budget): Value | undefined {
  if (typeof key === "string") budget.read(key.length);
  if (object instanceof Dict) {
    // Python raises for keys that cannot be hashed, which Jinja2 reports as a missing item.
    return isList(key) || key instanceof Dict ? undefined : object.get(key);
  }
  if (typeof key !== "bigint" && typeof key !== "boolean") return undefined;
  const at = Number(key);
  if (typeof object === "string") {
    budget.read(object.length);
    return characters(object).at(at);
  }
  if (isList(object)) return object.at(at);
  if (object instanceof Tuple) return object.items.at(at);
  if (object instanceof Range) {
    const index = at < 0 ? at + object.length : at;
    return index >= 0 && index < object.length ? object.start + BigInt(index) * object.step : undefined;
  }
  return undefined;
}

function readSlice(object: Value, { bounds }: Slice, budget: Budget): Value {
  const part = <T>(items: readonly T[]): T[] => {
    budget.read(items.length);
    return sliced(items, sliceBounds(items.length, bounds));
  };
  if (typeof object === "string") return part(characters(object)).join("");
  if (isList(object)) return part(object);
  if (object instanceof Tuple) return new Tuple(part(object.items));
  if (object instanceof Range) {
    const { start, stop, step } = sliceBounds(object.length, bounds);
    const at = (index: number) => object.start + BigInt(index) * object.step;
    return new Range(at(start), at(stop), object.step * BigInt(step));
  }
  throw new PythonError(`'${typeName(object)}' object cannot be sliced`);
}

function missing(object: Value, key: Value): Undefined {
  if (typeof key === "string") return new Undefined(`${describe(object)} has no attribute '${key}'`);
  return new Undefined(`${describe(object)} has no element ${typeof key === "bigint" ? key : typeName(key)}`);
}

function describe(object: Value): string {
  return object === null ? "'None'" : `'${typeName(object)} object'`;
}
