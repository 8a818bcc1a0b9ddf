import type { ModelConfig } from "../../shared/model/config.ts";
import { chooseBatchShape } from "../data/batch-shape.ts";
import type { RowOptions } from "../data/batches.ts";
import type { StepPlan } from "../data/step-plan.ts";
import type { UnitForm } from "../data/units.ts";

/** Steps whose micro-groups are looked at to choose the batch's shape. */
const SAMPLED_STEPS = 64;

export interface RowChoice {
  readonly config: ModelConfig;
  readonly plan: StepPlan;
  readonly totalSteps: number;
  /** The lengths of the examples of each unit of the training file, placeholders included. */
  readonly training: readonly (readonly number[])[];
  /** The same of the validation file. */
  readonly validation: readonly (readonly number[])[];
  /** The longest row, in tokens. */
  readonly limit: number;
  readonly packing: boolean;
  readonly padId: number;
  readonly form: UnitForm;
}

/** The rows that the run's micro-batches cost least in, with room for any of its units. */
export function chooseRows(options: RowChoice): RowOptions {
  const { config, plan, totalSteps, training, validation, limit, packing, padId, form } = options;
  const sampled = Array.from({ length: Math.min(totalSteps, SAMPLED_STEPS) }, (_, step) => plan.groups(step)).flat();
  const shape = chooseBatchShape({
    config,
    groups: sampled.map((group) => group.map((index) => training[index]!)),
    units: [...training, ...validation],
    limit,
    packing,
  });
  const rows = { shape, packing, padId };
  if (form.examples === 1 && form.columns === undefined) return rows;
  return { ...rows, units: { form, capacity: largestGroup(options) } };
}

/** A micro-batch holds units of one micro-group alone. */
function largestGroup({ plan, totalSteps }: RowChoice): number {
  let largest = 1;
  for (let step = 0; step < Math.min(totalSteps, plan.stepsPerEpoch); step++) {
    for (const group of plan.groups(step)) largest = Math.max(largest, group.length);
  }
  return largest;
}
