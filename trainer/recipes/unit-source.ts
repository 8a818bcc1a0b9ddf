import type { TrainingSettings } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { longestOf, type Unit } from "../data/units.ts";
import { unitsWithVirtualTokens } from "../data/virtual-tokens.ts";
import type { TrainingState } from "../loop/training-state.ts";
import { type Moment, type Objective, type PhaseRun, REFERENCE, type RunTools } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import { withTokenColumn } from "./scorer.ts";

export interface UnitSourceOptions<S extends TrainingSettings> {
  readonly objective: Objective<S>;
  readonly run: PreparedRun;
  readonly tools: RunTools<S>;
  /** Of a run in phases, whose units the state holds. */
  readonly phases?: PhaseRun | undefined;
}

/** The units that a run trains and measures on. */
export interface UnitSource {
  /** Without placeholders, for the base alone. undefined if there is no validation file or its units depend on the state. */
  readonly bareValidation: readonly Unit[] | undefined;
  /** All units of the training files, with placeholders; undefined if they depend on the state. */
  readonly fixedTraining?: readonly Unit[];
  /** The units of each micro-group of the step after a state, with placeholders. */
  training(state: TrainingState, values: Moment["values"]): Promise<readonly (readonly Unit[])[]>;
  /** The units of the validation file, with placeholders. */
  validation(state: TrainingState, values: Moment["values"]): Promise<readonly Unit[]>;
}

/**
 * The files' units with the columns that the objective adds, or the units that it makes from prompts each time. Throws
 * `internal_error` if the objective does not return one unit for each that it was given, or returns one that fits no row.
 */
export async function createUnitSource<S extends TrainingSettings>(options: UnitSourceOptions<S>): Promise<UnitSource> {
  const { objective, run, tools, phases } = options;
  const { method, tokenizer, plan } = run;
  const place = (units: readonly Unit[]) => unitsWithVirtualTokens(units, method.virtualTokens ?? 0, tokenizer.padId);
  async function withReference(units: readonly Unit[]): Promise<readonly Unit[]> {
    if (objective.reference === undefined) return units;
    return withTokenColumn(units, REFERENCE, await tools.referenceLogProbabilities(units));
  }
  if (phases !== undefined) {
    return {
      bareValidation: undefined,
      async training(state) {
        const units = place(phases.units(state));
        return run.phases!.replies(state.step).map((group) => group.map((reply) => units[reply]!));
      },
      validation: async () => [],
    };
  }
  const sample = await objective.rollouts?.start(tools);
  const refresh = await objective.refresh?.(tools);

  if (sample === undefined && refresh === undefined) {
    const training = place(await withReference(run.training));
    const bareValidation = run.validation && (await withReference(run.validation));
    const validation = place(bareValidation ?? []);
    return {
      bareValidation,
      fixedTraining: training,
      training: async ({ step }) => plan.groups(step).map((group) => group.map((index) => training[index]!)),
      validation: async () => validation,
    };
  }

  const isFixed = sample === undefined;
  const training = isFixed ? await withReference(run.training) : run.training;
  const validation = isFixed ? await withReference(run.validation ?? []) : (run.validation ?? []);
  /** The units to train on instead of the given ones, which may be prompts. */
  async function made(given: readonly Unit[], moment: Moment): Promise<readonly Unit[]> {
    const units = isFixed
      ? given
      : await withReference(requireFitting(await sample({ ...moment, prompts: given }), given.length));
    return place(refresh === undefined ? units : requireFitting(await refresh({ ...moment, units }), given.length));
  }
  function requireFitting(units: readonly Unit[], count: number): readonly Unit[] {
    const longest = longestOf(units);
    const { tokens } = run.rows.shape;
    if (units.length === count && longest + (method.virtualTokens ?? 0) <= tokens) return units;
    throw new TrimtabError(
      "internal_error",
      `the objective made ${units.length} units of up to ${longest} tokens from ${count} prompts or units, for rows of ${tokens} tokens`,
    );
  }
  return {
    bareValidation: undefined,
    async training(state, values) {
      const groups = plan.groups(state.step);
      const given = groups.flat().map((index) => training[index]!);
      const units = await made(given, { state, values, purpose: "training" });
      const ends = groups.map((_, at) => groups.slice(0, at + 1).flat().length);
      return groups.map(({ length }, at) => units.slice(ends[at]! - length, ends[at]!));
    },
    validation: (state, values) => made(validation, { state, values, purpose: "validation" }),
  };
}
