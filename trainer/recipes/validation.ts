import { TrimtabError } from "../../shared/errors.ts";
import type { TrainingState } from "../loop/training-state.ts";
import type { Metrics } from "./recipe.ts";
import { type Measurement, validationMetrics } from "./step-report.ts";

/** A run's validation lines, measured with the base and with the trained parameters. */
export interface Validation {
  readonly base: Measurement;
  /** Throws `non_finite`, naming the step, if the loss is not a number. */
  measure(state: TrainingState): Promise<Measurement>;
}

/** @param measured what messages call the lines, such as "the validation file" */
export function createValidation(
  base: Measurement,
  measure: (state: TrainingState) => Promise<Measurement>,
  measured: string,
): Validation {
  return {
    base,
    async measure(state) {
      const tuned = await measure(state);
      if (tuned.loss === undefined || Number.isFinite(tuned.loss)) return tuned;
      const { step } = state;
      throw new TrimtabError(
        "non_finite",
        `step ${step}: the loss on ${measured} is not finite; lower the learning rate`,
        { data: { step, loss: tuned.loss } },
      );
    },
  };
}

/** How often a run measures its validation lines, in addition to the ends of its epochs. */
export const MEASUREMENTS = 10;

export interface MeasuredRun {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Units to train on, and to measure. */
  readonly training: number;
  readonly validation: number;
  /** Steps between two measurements, where the job says so; the ends of epochs are not measured then. */
  readonly every?: number | undefined;
}

/**
 * The steps after which the validation lines are measured: the ends of the epochs, the last step and, in between, each
 * tenth of the run, but only once the run has trained as many units as a measurement reads.
 */
export function measuredSteps(run: MeasuredRun): (step: number) => boolean {
  const { totalSteps, stepsPerEpoch, training, validation, every: asked } = run;
  if (asked !== undefined) return (step) => step % asked === 0 || step === totalSteps;
  const affordable = Math.ceil((validation * stepsPerEpoch) / Math.max(training, 1));
  const every = Math.max(1, Math.ceil(totalSteps / MEASUREMENTS), affordable);
  return (step) => step % every === 0 || step % stepsPerEpoch === 0 || step === totalSteps;
}

/** The validation fields of a result; none if nothing was measured. */
export function resultMetrics(base: Measurement | undefined, tuned: Measurement | undefined): Metrics {
  if (base === undefined || tuned === undefined) return {};
  if (base.loss !== undefined && tuned.loss !== undefined) {
    return { base_loss: base.loss, tuned_loss: tuned.loss, ...validationMetrics(tuned) };
  }
  const before = Object.entries(base.metrics).map(([name, value]) => [`base_${name}`, value]);
  return { ...Object.fromEntries(before), ...validationMetrics(tuned) };
}
