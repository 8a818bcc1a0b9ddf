import { parameterValues, type TrainingState } from "../loop/training-state.ts";
import { type Evaluator, type EvaluatorOptions, measureBase } from "./evaluator.ts";
import type { PhaseRun } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { RecipeContext } from "./recipe.ts";
import type { UnitSource } from "./unit-source.ts";
import { createValidation, type Validation } from "./validation.ts";

export interface ValidationContext {
  readonly context: RecipeContext;
  readonly run: PreparedRun;
  readonly units: UnitSource;
  readonly measured: EvaluatorOptions;
  /** The state before the first step. */
  readonly first: TrainingState;
  /** What messages call the lines that are measured. */
  readonly lines: string;
}

/** The validation of a run whose units the objective's loss measures. */
export async function validationOf(
  evaluator: Evaluator,
  { context, run, units, measured, first, lines }: ValidationContext,
): Promise<Validation> {
  const { method, own, resumed } = run;
  const valuesOf = (state: TrainingState) => parameterValues(state, method.parameters);
  const measure = async (state: TrainingState) =>
    evaluator.measure(valuesOf(state), await units.validation(state, valuesOf(state)));
  const bare = units.bareValidation;
  const base =
    method.startsAsBase || resumed !== undefined || bare === undefined
      ? await measure(first)
      : await measureBase(context.executor, { ...measured, own, units: bare });
  return createValidation(base, measure, lines);
}

/** The validation of a run in phases. */
export async function phaseValidation(
  phases: PhaseRun,
  { run, first, lines }: Pick<ValidationContext, "run" | "first" | "lines">,
): Promise<Validation> {
  const measure = async (state: TrainingState) => ({
    metrics: await phases.measure(parameterValues(state, run.method.parameters)),
  });
  return createValidation(await measure(first), measure, lines);
}
