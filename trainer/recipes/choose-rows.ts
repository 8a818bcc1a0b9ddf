import type { ModelConfig } from "../../shared/model/config.ts";
import { chooseBatchShape } from "../data/batch-shape.ts";
import type { RowOptions } from "../data/batches.ts";
import type { UnitSize } from "../data/shared-prompts.ts";
import type { StepPlan } from "../data/step-plan.ts";
import type { UnitForm } from "../data/units.ts";

/** How many steps' micro-groups are examined to choose the batch's shape. */
const SAMPLED_STEPS = 64;

export interface RowChoice {
  readonly config: ModelConfig;
  readonly plan: StepPlan;
  readonly totalSteps: number;
  /** The size of each training unit, including placeholders. */
  readonly training: readonly UnitSize[];
  /** The same for the validation file. */
  readonly validation: readonly UnitSize[];
  /** The longest row, in tokens. */
  readonly limit: number;
  readonly packing: boolean;
  readonly padId: number;
  readonly form: UnitForm;
}

/** The rows in which the run's micro-batches cost least, with room for any of its units. */
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

/** A micro-batch holds units of only one micro-group. */
function largestGroup({ plan, totalSteps }: RowChoice): number {
  let largest = 1;
  for (let step = 0; step < Math.min(totalSteps, plan.stepsPerEpoch); step++) {
    for (const group of plan.groups(step)) largest = Math.max(largest, group.length);
  }
  return largest;
}
