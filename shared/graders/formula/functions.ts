/** A function of a formula, and how many values it takes. */
export interface FormulaFunction {
  readonly least: number;
  readonly most: number;
  readonly apply: (values: readonly number[]) => number;
}

const of = (apply: (value: number) => number): FormulaFunction => ({
  least: 1,
  most: 1,
  apply: ([value = 0]) => apply(value),
});

/** OpenAI's functions of `calculate_output`. `log` is the natural logarithm. */
export const FORMULA_FUNCTIONS: ReadonlyMap<string, FormulaFunction> = new Map([
  ["min", { least: 1, most: 64, apply: (values) => Math.min(...values) }],
  ["max", { least: 1, most: 64, apply: (values) => Math.max(...values) }],
  ["abs", of(Math.abs)],
  ["floor", of(Math.floor)],
  ["ceil", of(Math.ceil)],
  ["exp", of(Math.exp)],
  ["sqrt", of(Math.sqrt)],
  ["log", of(Math.log)],
]);
