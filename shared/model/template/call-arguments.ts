/**
 * The arguments of a call to a Python function, read by position or name.
 */
import { PythonError } from "./failure.ts";
import { type NamedValues, typeName, Undefined, type Value } from "./values.ts";

/** Binds arguments to parameters, in order. Throws for an argument too many or unknown. */
export class CallArguments {
  readonly #values = new Map<string, Value>();
  readonly #function: string;

  constructor(name: string, parameters: readonly string[], positional: readonly Value[], named: NamedValues) {
    this.#function = name;
    if (positional.length > parameters.length) {
      throw new PythonError(`${name} takes at most ${parameters.length} arguments (${positional.length} given)`);
    }
    for (const [index, value] of positional.entries()) this.#values.set(parameters[index]!, value);
    for (const [key, value] of named) {
      if (!parameters.includes(key)) throw new PythonError(`${name} got an unexpected keyword argument '${key}'`);
      if (this.#values.has(key)) throw new PythonError(`${name} got multiple values for argument '${key}'`);
      this.#values.set(key, value);
    }
  }

  /** The argument, or undefined when the call does not give it. */
  optional(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** The argument, which may be None, or `fallback` when the call does not give it. */
  value(name: string, fallback: Value): Value {
    const value = this.#values.get(name);
    return value === undefined ? fallback : value;
  }

  required(name: string): Value {
    const value = this.#values.get(name);
    if (value === undefined) throw new PythonError(`${this.#function} missing a required argument: '${name}'`);
    return value;
  }

  /** The argument as a text, which it must be. */
  text(name: string): string {
    const value = this.required(name);
    if (typeof value === "string") return value;
    if (value instanceof Undefined) throw value.error();
    throw new PythonError(`${this.#function}: ${name} must be str, not ${typeName(value)}`);
  }

  /** The argument as a text; undefined when it is missing or None. */
  optionalText(name: string): string | undefined {
    return (this.#values.get(name) ?? null) === null ? undefined : this.text(name);
  }

  /** The argument as an integer. */
  integer(name: string, fallback?: number): number {
    const value = this.#values.get(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
    if (value instanceof Undefined) throw value.error();
    throw new PythonError(`'${typeName(value ?? null)}' object cannot be interpreted as an integer`);
  }
}
