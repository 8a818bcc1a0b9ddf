/**
 * Macros: functions whose body is a template.
 */
import { PythonError } from "./failure.ts";
import { Scope } from "./scope.ts";
import type { Body, Expression, Parameter } from "./syntax.ts";
import { Callable, Dict, type NamedValues, Tuple, Undefined, type Value } from "./values.ts";
import { expressionsOf } from "./walk.ts";

export interface MacroOptions {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: Body;
  /** The scope of the macro's definition; its body sees the values of these variables at the time of the call. */
  readonly scope: Scope;
  readonly evaluate: (expression: Expression, scope: Scope) => Value;
  readonly render: (scope: Scope) => string;
}

export function createMacro({ name, parameters, body, scope, evaluate, render }: MacroOptions): Callable {
  const reads = namesIn(body);
  const takes = (special: string) => reads.has(special) && !parameters.some((parameter) => parameter.name === special);
  const [takesCaller, takesNamed, takesPositional] = ["caller", "kwargs", "varargs"].map(takes);

  function call(positional: readonly Value[], named: NamedValues): string {
    const rest = new Map(named);
    const inner = new Scope(scope);
    for (const [index, parameter] of parameters.entries()) {
      inner.set(parameter.name, argument(parameter, positional[index], rest, inner));
    }
    if (takesCaller) {
      inner.set("caller", rest.get("caller") ?? new Undefined("No caller defined"));
      rest.delete("caller");
    }
    if (takesNamed) inner.set("kwargs", new Dict(rest));
    else if (rest.size > 0) {
      throw new PythonError(`macro '${name}' takes no keyword argument '${[...rest.keys()][0]}'`);
    }
    if (takesPositional) inner.set("varargs", new Tuple(positional.slice(parameters.length)));
    else if (positional.length > parameters.length) {
      throw new PythonError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    }
    return render(inner);
  }

  function argument(parameter: Parameter, given: Value | undefined, rest: Map<string, Value>, inner: Scope): Value {
    if (given !== undefined) return given;
    const byName = rest.get(parameter.name);
    if (byName !== undefined) {
      rest.delete(parameter.name);
      return byName;
    }
    if (parameter.fallback === undefined) return new Undefined(`parameter '${parameter.name}' was not provided`);
    return evaluate(parameter.fallback, inner);
  }

  return new Callable(
    name,
    call,
    new Map<string, Value>([
      ["name", name],
      ["arguments", new Tuple(parameters.map((parameter) => parameter.name))],
      ["caller", takesCaller!],
      ["catch_kwargs", takesNamed!],
      ["catch_varargs", takesPositional!],
    ]),
  );
}

const known = new WeakMap<Body, ReadonlySet<string>>();

function namesIn(body: Body): ReadonlySet<string> {
  let names = known.get(body);
  if (names === undefined) {
    names = new Set(expressionsOf(body).flatMap((one) => (one.type === "name" ? [one.name] : [])));
    known.set(body, names);
  }
  return names;
}
