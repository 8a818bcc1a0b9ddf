import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { FormulaParser, type FormulaStep } from "./parser.ts";

export interface Formula {
  /** The names in it, each once. */
  readonly names: readonly string[];
  /** Its value, which may be infinite or NaN. Names that are not given are NaN. */
  evaluate(values: ReadonlyMap<string, number>): number;
}

/**
 * Reads arithmetic over names: `+ - * / ^`, parentheses, numbers, and the functions of `FORMULA_FUNCTIONS`. `^` binds to the right,
 * and closer than a sign before it: `-2^2` is -4.
 *
 * @throws TrimtabError invalid_request, naming `param`, with the place of what is wrong
 */
export function parseFormula(text: string, param: string): Formula {
  if (text.length > LIMITS.graderFormula) {
    throw new TrimtabError("invalid_request", `\`${param}\` has more than ${LIMITS.graderFormula} characters.`, {
      param,
    });
  }
  const steps = new FormulaParser(text, param).whole();
  const names = [...new Set(steps.flatMap((step) => ("name" in step ? [step.name] : [])))];
  return { names, evaluate: (values) => evaluate(steps, values) };
}

function evaluate(steps: readonly FormulaStep[], values: ReadonlyMap<string, number>): number {
  const stack: number[] = [];
  for (const step of steps) {
    if ("push" in step) stack.push(step.push);
    else if ("name" in step) stack.push(values.get(step.name) ?? Number.NaN);
    else stack.push(step.call.apply(stack.splice(-step.values)));
  }
  return stack[0] ?? Number.NaN;
}
