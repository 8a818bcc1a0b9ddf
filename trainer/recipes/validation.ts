import { TrimtabError } from "../../shared/errors.ts";
import type { TrainingState } from "../loop/training-state.ts";
import type { Measurement } from "./evaluator.ts";
import type { Metrics } from "./recipe.ts";
import { validationMetrics } from "./step-report.ts";

/** A run's validation file, measured with the base and with the trained parameters. */
export interface Validation {
  readonly base: Measurement;
  /** Throws `non_finite`, naming the step, if the loss is not a number. */
  measure(state: TrainingState): Promise<Measurement>;
}

export function createValidation(
  base: Measurement,
  measure: (state: TrainingState) => Promise<Measurement>,
): Validation {
  return {
    base,
    async measure(state) {
      const tuned = await measure(state);
      if (Number.isFinite(tuned.loss)) return tuned;
      const { step } = state;
      throw new TrimtabError(
        "non_finite",
        `step ${step}: the loss on the validation file is not finite; lower the learning rate`,
        { data: { step, loss: tuned.loss } },
      );
    },
  };
}

/** What a result says about its validation; nothing if there was no validation file. */
export function resultMetrics(base: Measurement | undefined, tuned: Measurement | undefined): Metrics {
  if (base === undefined || tuned === undefined) return {};
  return { base_loss: base.loss, tuned_loss: tuned.loss, ...validationMetrics(tuned) };
}
