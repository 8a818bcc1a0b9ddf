import type { Parameter } from "../../shared/peft/method.ts";

/** How the learning rate changes over a run. Every kind starts with a linear warm-up over `warmupSteps`. */
export interface Schedule {
  readonly kind: "constant" | "linear" | "cosine";
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The learning rate at a step, counted from 0. In transformers the first warm-up step has rate 0; here the warm-up is one step
 * ahead, so that no step is wasted. After the warm-up the schedules are identical.
 */
export function learningRate({ kind, peak, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  switch (kind) {
    case "constant":
      return peak;
    case "linear":
      return peak * (1 - progress);
    case "cosine":
      return peak * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}

/** Converts each parameter's own peak learning rate, if it has one, to a `rate`: a multiple of the run's peak. */
export function relativeRates(parameters: readonly Parameter[], { peak }: Pick<Schedule, "peak">): Parameter[] {
  return parameters.map(({ learningRate: own, ...parameter }) =>
    own === undefined ? parameter : { ...parameter, rate: own / peak },
  );
}
