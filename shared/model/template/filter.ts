/**
 * The type of a filter.
 */
import type { Budget } from "./budget.ts";
import type { CallArguments } from "./call-arguments.ts";
import type { Value } from "./values.ts";

export interface FilterContext {
  readonly budget: Budget;
}

export interface Filter {
  readonly parameters: readonly string[];
  run(value: Value, args: CallArguments, context: FilterContext): Value;
}
