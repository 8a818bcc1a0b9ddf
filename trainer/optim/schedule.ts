import type { Parameter } from "../../shared/peft/method.ts";

/** How the learning rate moves over a run; the first `warmupSteps` rise linearly from 0 in every kind. */
export interface Schedule {
  readonly kind: "constant" | "linear" | "cosine";
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The learning rate of a step, counted from 0. The first step of a warm-up has rate 0 in transformers; here the warm-up is
 * one step ahead, so that no step is spent on nothing. What follows it is theirs.
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

/** Parameters with a peak learning rate of their own have it as a `rate`, a multiple of the run's peak. */
export function relativeRates(parameters: readonly Parameter[], { peak }: Pick<Schedule, "peak">): Parameter[] {
  return parameters.map(({ learningRate: own, ...parameter }) =>
    own === undefined ? parameter : { ...parameter, rate: own / peak },
  );
}
