/**
 * Jinja2's filters on sequences and dicts. Those that are lazy in Jinja2 return iterators, which can be read once.
 */
import { arithmetic } from "./arithmetic.ts";
import type { Budget } from "./budget.ts";
import type { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import type { Filter, FilterContext } from "./filter.ts";
import { attribute, readItem } from "./members.ts";
import { areEqual, characters, compare, isTrue, iterate } from "./operators.ts";
import { joinTexts, lowerCase } from "./string-methods.ts";
import { requireLength } from "./tests.ts";
import { toText } from "./text.ts";
import { Dict, hashKey, Iteration, Tuple, typeName, Undefined, type Value } from "./values.ts";

const length: Filter = {
  parameters: [],
  run: (value) => BigInt(requireLength(value, typeName(value))),
};

const fallback: Filter = {
  parameters: ["default_value", "boolean"],
  run: (value, args) => {
    const isMissing = value instanceof Undefined || (isTrue(args.optional("boolean") ?? false) && !isTrue(value));
    return isMissing ? args.value("default_value", "") : value;
  },
};

export const LIST_FILTERS: Readonly<Record<string, Filter>> = {
  length,
  count: length,
  default: fallback,
  d: fallback,
  list: { parameters: [], run: (value, _, { budget }) => [...iterate(value, budget)] },
  first: {
    parameters: [],
    run: (value, _, { budget }) => {
      const items = value instanceof Iteration ? value.take(1) : iterate(value, budget);
      return items[0] ?? new Undefined("No first item, sequence was empty.");
    },
  },
  last: {
    parameters: [],
    run: (value, _, { budget }) =>
      reversible(value, budget).at(-1) ?? new Undefined("No last item, sequence was empty."),
  },
  reverse: {
    parameters: [],
    run: (value, _, { budget }) => {
      if (typeof value === "string") return characters(value).reverse().join("");
      const items = value instanceof Iteration ? iterate(value, budget) : reversible(value, budget);
      const reversed = [...items].reverse();
      return value instanceof Iteration ? reversed : new Iteration(reversed);
    },
  },
  join: {
    parameters: ["d", "attribute"],
    run: (value, args, { budget }) => {
      const read = reader(args.optional("attribute") ?? null, budget);
      const separator = args.value("d", "");
      const parts = iterate(value, budget).map((item) => toText(read(item), budget));
      return joinTexts(parts, toText(separator, budget), budget);
    },
  },
  items: {
    parameters: [],
    run: (value) => {
      if (value instanceof Undefined) return new Iteration([]);
      if (!(value instanceof Dict)) throw new PythonError("Can only get item pairs from a mapping.");
      return new Iteration(value.entries().map((entry) => new Tuple(entry)));
    },
  },
  dictsort: { parameters: ["case_sensitive", "by", "reverse"], run: dictSort },
  sort: {
    parameters: ["reverse", "case_sensitive", "attribute"],
    run: (value, args, { budget }) => {
      const { key } = keyReader(args, budget, true);
      return sorted(iterate(value, budget), { key, reverse: isTrue(args.optional("reverse") ?? false), budget });
    },
  },
  unique: {
    parameters: ["case_sensitive", "attribute"],
    run: (value, args, { budget }) => {
      const { key } = keyReader(args, budget, false);
      const seen = new Set<string>();
      const isNew = (item: Value) => {
        const hash = hashKey(key(item));
        budget.read(hash.length);
        return !seen.has(hash) && seen.add(hash) !== undefined;
      };
      return new Iteration(iterate(value, budget).filter(isNew));
    },
  },
  min: {
    parameters: ["case_sensitive", "attribute"],
    run: (value, args, { budget }) => extreme(value, args, -1, budget),
  },
  max: {
    parameters: ["case_sensitive", "attribute"],
    run: (value, args, { budget }) => extreme(value, args, 1, budget),
  },
  sum: {
    parameters: ["attribute", "start"],
    run: (value, args, { budget }) => {
      const read = reader(args.optional("attribute") ?? null, budget);
      const start = args.value("start", 0n);
      const items = iterate(value, budget);
      budget.charge(items.length / 4);
      return items.reduce((total, item) => arithmetic("+", total, read(item), budget), start);
    },
  },
  groupby: { parameters: ["attribute", "default", "case_sensitive"], run: groupBy },
  batch: { parameters: ["linecount", "fill_with"], run: batch },
  slice: { parameters: ["slices", "fill_with"], run: slice },
  attr: {
    parameters: ["name"],
    run: (value, args, { budget }) => {
      if (value instanceof Undefined) throw value.error();
      const name = args.text("name");
      return attribute(value, name, budget) ?? new Undefined(`'${typeName(value)} object' has no attribute '${name}'`);
    },
  },
};

function reversible(value: Value, budget: Budget): readonly Value[] {
  if (value instanceof Iteration) throw new PythonError("'generator' object is not reversible");
  return iterate(value, budget);
}

/** Reads an attribute such as `function.name` or `0`, by items as Jinja2 does; the value itself without one. */
export function reader(path: Value, budget: Budget, defaultValue?: Value): (item: Value) => Value {
  if (path === null) return (item) => item;
  const keys: Value[] =
    typeof path === "string" ? path.split(".").map((part) => (/^\d+$/.test(part) ? BigInt(part) : part)) : [path];
  return (item) =>
    keys.reduce((value, key) => {
      const found = readItem(value, key, budget);
      return found instanceof Undefined && defaultValue !== undefined ? defaultValue : found;
    }, item);
}

function lowered(value: Value): Value {
  return typeof value === "string" ? lowerCase(value) : value;
}

/** The key that values are compared by. With `several`, the attribute may list several, separated by commas. */
function keyReader(args: CallArguments, budget: Budget, several: boolean): { key: (item: Value) => Value } {
  const path = args.optional("attribute") ?? null;
  const change = isTrue(args.optional("case_sensitive") ?? false) ? (value: Value) => value : lowered;
  if (!several) {
    const read = reader(path, budget);
    return { key: (item) => change(read(item)) };
  }
  const paths = typeof path === "string" ? path.split(",") : [path];
  const reads = paths.map((part) => reader(part, budget));
  return { key: (item) => reads.map((read) => change(read(item))) };
}

/** A stable sort; reversing keeps the order of equal items, as in Python. */
function sorted(
  items: readonly Value[],
  { key, reverse, budget }: { key: (item: Value) => Value; reverse: boolean; budget: Budget },
): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => {
    budget.charge(1);
    return reverse ? compare(b.key, a.key, "<", budget) : compare(a.key, b.key, "<", budget);
  });
  return keyed.map(({ item }) => item);
}

function dictSort(value: Value, args: CallArguments, { budget }: FilterContext): Value {
  if (!(value instanceof Dict)) throw new PythonError(`'${typeName(value)}' object has no attribute 'items'`);
  const by = args.optional("by") ?? "key";
  if (by !== "key" && by !== "value") throw new PythonError('You can only sort by either "key" or "value"');
  const change = isTrue(args.optional("case_sensitive") ?? false) ? (one: Value) => one : lowered;
  const pairs = value.entries().map((entry) => new Tuple(entry));
  const key = (pair: Value) => change((pair as Tuple).items[by === "key" ? 0 : 1]!);
  return sorted(pairs, { key, reverse: isTrue(args.optional("reverse") ?? false), budget });
}

function extreme(value: Value, args: CallArguments, direction: -1 | 1, budget: Budget): Value {
  const items = iterate(value, budget);
  const { key } = keyReader(args, budget, false);
  if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
  return items.reduce((best, item) =>
    compare(key(item), key(best), direction < 0 ? "<" : ">", budget) * direction > 0 ? item : best,
  );
}

function groupBy(value: Value, args: CallArguments, { budget }: FilterContext): Value {
  const path = args.required("attribute");
  const read = reader(path, budget, args.optional("default") === null ? undefined : args.optional("default"));
  const isSensitive = isTrue(args.optional("case_sensitive") ?? false);
  const key = (item: Value) => (isSensitive ? read(item) : lowered(read(item)));
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(iterate(value, budget), { key, reverse: false, budget })) {
    const last = groups.at(-1);
    if (last !== undefined && areEqual(last.key, key(item), budget)) last.items.push(item);
    else groups.push({ key: key(item), items: [item] });
  }
  return groups.map((group) => new Tuple([read(group.items[0]!), group.items], ["grouper", "list"]));
}

function batch(value: Value, args: CallArguments, { budget }: FilterContext): Value {
  const size = args.integer("linecount");
  const fill = args.optional("fill_with") ?? null;
  const items = iterate(value, budget);
  const rows: Value[][] = [];
  for (const item of items) {
    if (rows.length === 0 || rows.at(-1)!.length === size) rows.push([]);
    rows.at(-1)!.push(item);
  }
  if (fill !== null && rows.length > 0) {
    budget.make(size);
    while (rows.at(-1)!.length < size) rows.at(-1)!.push(fill);
  }
  return new Iteration(rows);
}

function slice(value: Value, args: CallArguments, { budget }: FilterContext): Value {
  const count = args.integer("slices");
  const fill = args.optional("fill_with") ?? null;
  const items = iterate(value, budget);
  if (count <= 0) throw new PythonError("integer division or modulo by zero");
  budget.make(count);
  const size = Math.floor(items.length / count);
  const longer = items.length % count;
  let at = 0;
  return new Iteration(
    Array.from({ length: count }, (_, index) => {
      const part = items.slice(at, at + size + (index < longer ? 1 : 0));
      at += part.length;
      return fill !== null && index >= longer ? [...part, fill] : part;
    }),
  );
}
