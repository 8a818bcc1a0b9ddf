import type { TrainingSettings } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { longestOf, type Unit } from "../data/units.ts";
import { unitsWithVirtualTokens } from "../data/virtual-tokens.ts";
import type { TrainingState } from "../loop/training-state.ts";
import { type Objective, REFERENCE, type RolloutOptions, type RunTools } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import { type Scorer, withTokenColumn } from "./scorer.ts";

export interface UnitSourceOptions<S extends TrainingSettings> {
  readonly objective: Objective<S>;
  readonly run: PreparedRun;
  readonly tools: RunTools<S>;
  /** Scores under the reference; its values are none. */
  readonly reference: Scorer;
}

/** The parameters' values in a state, and what the units are for. */
export type Moment = Omit<RolloutOptions, "prompts">;

/** What a run trains and measures on. */
export interface UnitSource {
  /** Without placeholders: for the base alone. undefined where there is no validation file, or only prompts. */
  readonly bareValidation: readonly Unit[] | undefined;
  /** The units of each micro-group of the step that comes after a state, with placeholders. */
  training(state: TrainingState, values: Moment["values"]): Promise<readonly (readonly Unit[])[]>;
  /** The units of the validation file, with placeholders. */
  validation(state: TrainingState, values: Moment["values"]): Promise<readonly Unit[]>;
}

/**
 * The units of the files with what the objective wants beside them, or those that it makes from prompts each
 * time. Throws `internal_error` where rollouts are not one unit for each prompt, or do not fit a row.
 */
export async function createUnitSource<S extends TrainingSettings>(options: UnitSourceOptions<S>): Promise<UnitSource> {
  const { objective, run, tools } = options;
  const { method, tokenizer, plan } = run;
  const place = (units: readonly Unit[]) => unitsWithVirtualTokens(units, method.virtualTokens ?? 0, tokenizer.padId);
  async function complete(units: readonly Unit[]): Promise<readonly Unit[]> {
    if (objective.reference === undefined) return units;
    return withTokenColumn(units, REFERENCE, await options.reference(units, new Map()));
  }

  if (objective.rollouts === undefined) {
    const training = place(await complete(run.training));
    const bareValidation = run.validation && (await complete(run.validation));
    const validation = place(bareValidation ?? []);
    return {
      bareValidation,
      training: async ({ step }) => plan.groups(step).map((group) => group.map((index) => training[index]!)),
      validation: async () => validation,
    };
  }

  const sampleUnits = await objective.rollouts.start(tools);
  async function sample(prompts: readonly Unit[], moment: Moment): Promise<readonly Unit[]> {
    const units = await sampleUnits({ ...moment, prompts });
    const longest = longestOf(units);
    if (units.length !== prompts.length || longest + (method.virtualTokens ?? 0) > run.rows.shape.tokens) {
      throw new TrimtabError(
        "internal_error",
        `rollouts of ${prompts.length} prompts gave ${units.length} units of up to ${longest} tokens, in rows of ${run.rows.shape.tokens}`,
      );
    }
    return place(await complete(units));
  }
  return {
    bareValidation: undefined,
    async training(state, values) {
      const groups = plan.groups(state.step);
      const prompts = groups.flat().map((index) => run.training[index]!);
      const units = await sample(prompts, { state, values, purpose: "training" });
      const ends = groups.map((_, at) => groups.slice(0, at + 1).flat().length);
      return groups.map(({ length }, at) => units.slice(ends[at]! - length, ends[at]!));
    },
    validation: (state, values) => sample(run.validation ?? [], { state, values, purpose: "validation" }),
  };
}
