/**
 * The variables of a running template. Loops, macros and blocks have scopes of their own; `set` assigns in the innermost.
 */
import type { Value } from "./values.ts";

export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    const own = this.#variables.get(name);
    return own === undefined ? this.#outer?.get(name) : own;
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }
}
