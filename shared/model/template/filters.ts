/**
 * Applies Jinja2's filters by name.
 */
import type { Budget } from "./budget.ts";
import { CallArguments } from "./call-arguments.ts";
import { PythonError } from "./failure.ts";
import type { Filter } from "./filter.ts";
import { formatPercent } from "./format.ts";
import { LIST_FILTERS, reader } from "./list-filters.ts";
import { NUMBER_FILTERS } from "./number-filters.ts";
import { isTrue, iterate } from "./operators.ts";
import { applyTest } from "./tests.ts";
import { toText } from "./text.ts";
import { TEXT_FILTERS } from "./text-filters.ts";
import { Dict, Iteration, type NamedValues, Tuple, type Value } from "./values.ts";

const FILTERS: Readonly<Record<string, Filter>> = { ...TEXT_FILTERS, ...NUMBER_FILTERS, ...LIST_FILTERS };

export interface FilterCall {
  readonly name: string;
  readonly value: Value;
  readonly positional: readonly Value[];
  readonly named: NamedValues;
}

/** Throws for an unknown filter, which only `map('name')` can ask for. */
export function applyFilter(call: FilterCall, budget: Budget): Value {
  const { name, value, positional, named } = call;
  switch (name) {
    case "map":
      return map(call, budget);
    case "select":
    case "reject":
    case "selectattr":
    case "rejectattr":
      return select(call, budget);
    case "format": {
      if (positional.length > 0 && named.size > 0) {
        throw new PythonError("can't handle positional and keyword arguments at the same time");
      }
      return formatPercent(toText(value, budget), named.size > 0 ? new Dict(named) : new Tuple(positional), budget);
    }
  }
  if (!Object.hasOwn(FILTERS, name)) throw new PythonError(`No filter named '${name}'.`);
  const { parameters, run } = FILTERS[name]!;
  const args = new CallArguments(`the filter ${name}`, parameters, positional, named);
  for (const given of [value, ...positional]) if (typeof given === "string") budget.read(given.length);
  return run(value, args, { budget });
}

/** `map('filter', …)` or `map(attribute='path', default=…)`. Maps None and other false values to nothing. */
function map({ value, positional, named }: FilterCall, budget: Budget): Value {
  const items = isTrue(value) ? iterate(value, budget) : [];
  budget.charge(items.length);
  if (positional.length === 0 && named.has("attribute")) {
    for (const name of named.keys()) {
      if (name !== "attribute" && name !== "default") throw new PythonError(`Unexpected keyword argument '${name}'`);
    }
    const fallback = named.get("default") ?? null;
    return new Iteration(items.map(reader(named.get("attribute")!, budget, fallback ?? undefined)));
  }
  const [name, ...rest] = positional;
  if (typeof name !== "string") throw new PythonError("map requires a filter argument");
  return new Iteration(items.map((item) => applyFilter({ name, value: item, positional: rest, named }, budget)));
}

/** The items, or their attributes, that pass a test (by default, are true) or fail it. */
function select({ name, value, positional }: FilterCall, budget: Budget): Value {
  const items = isTrue(value) ? iterate(value, budget) : [];
  budget.charge(items.length);
  const byAttribute = name.endsWith("attr");
  if (byAttribute && positional[0] === undefined) throw new PythonError("Missing parameter for attribute name");
  const read = byAttribute ? reader(positional[0]!, budget) : (item: Value) => item;
  const [test, ...args] = byAttribute ? positional.slice(1) : positional;
  if (test !== undefined && typeof test !== "string") throw new PythonError(`${name} requires the name of a test`);
  const passes = (item: Value) => (test === undefined ? isTrue(item) : applyTest(test, item, args, budget));
  const keeps = name.startsWith("select");
  return new Iteration(items.filter((item) => passes(read(item)) === keeps));
}
