/**
 * The functions that every chat template can call: Jinja2's and those that transformers adds.
 */
import { TrimtabError } from "../../errors.ts";
import type { Budget } from "./budget.ts";
import { CallArguments } from "./call-arguments.ts";
import { formatDate } from "./dates.ts";
import { failure, PythonError, UnsupportedError } from "./failure.ts";
import { iterate } from "./operators.ts";
import { Scope } from "./scope.ts";
import { toText } from "./text.ts";
import { Callable, Dict, type NamedValues, Namespace, Range, type Value } from "./values.ts";

/** As in Jinja2's sandbox. */
const MAX_RANGE = 100_000;

/** Jinja2's other functions: random text, and counters that change. */
export const UNSUPPORTED_GLOBALS: ReadonlySet<string> = new Set(["cycler", "joiner", "lipsum"]);

/** A scope with the functions. `date` is what `strftime_now` formats. */
export function globalScope(date: Date | undefined, budget: Budget): Scope {
  const scope = new Scope();
  const define = (name: string, call: Callable["call"]) => scope.set(name, new Callable(name, call));
  define("raise_exception", (positional, named) => {
    const message = new CallArguments("raise_exception()", ["message"], positional, named).required("message");
    throw new TrimtabError(
      "invalid_request",
      `the model's chat template rejects the messages: ${toText(message, budget)}`,
      { param: "messages" },
    );
  });
  define("strftime_now", (positional, named) => {
    if (date === undefined) throw failure("calls strftime_now, and no date was given to render it with");
    const format = new CallArguments("strftime_now()", ["format"], positional, named).text("format");
    budget.make(format.length);
    return formatDate(date, format);
  });
  define("range", (positional) => range(positional));
  define("dict", (positional, named) => new Dict(entries("dict", positional, named, budget)));
  define("namespace", (positional, named) => {
    const members = entries("namespace", positional, named, budget);
    return new Namespace(members.map(([name, value]) => [toText(name, budget), value]));
  });
  for (const name of UNSUPPORTED_GLOBALS) {
    define(name, () => {
      throw new UnsupportedError(`calls ${name}(), which is not supported`);
    });
  }
  return scope;
}

function range(bounds: readonly Value[]): Range {
  const [first, second, third] = bounds.map((bound) => {
    if (typeof bound === "bigint") return bound;
    if (typeof bound === "boolean") return BigInt(bound);
    throw failure("calls range with arguments that are not integers");
  });
  if (first === undefined || bounds.length > 3) throw new PythonError("range expected 1 to 3 arguments");
  if (third === 0n) throw failure("calls range with a step of zero");
  const result = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, third ?? 1n);
  if (result.length > MAX_RANGE)
    throw failure(`calls range for ${result.length} numbers; at most ${MAX_RANGE} are allowed`);
  return result;
}

/** The arguments of `dict(…)`: a mapping or pairs, and named values. */
function entries(
  name: string,
  positional: readonly Value[],
  named: NamedValues,
  budget: Budget,
): (readonly [Value, Value])[] {
  if (positional.length > 1) throw new PythonError(`${name} expected at most 1 argument, got ${positional.length}`);
  const [source] = positional;
  const given =
    source === undefined
      ? []
      : source instanceof Dict
        ? source.entries()
        : iterate(source, budget).map((pair) => {
            const [key, value, ...rest] = iterate(pair, budget);
            if (key === undefined || value === undefined || rest.length > 0) {
              throw new PythonError(`${name} needs pairs of keys and values`);
            }
            return [key, value] as const;
          });
  return [...given, ...named];
}
