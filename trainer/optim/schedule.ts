import type { DECAY_SHAPES, SCHEDULES } from "../../shared/api/keeping-settings.ts";
import type { Parameter } from "../../shared/peft/method.ts";

/** How the learning rate changes over a run. Every kind starts with a linear warm-up over `warmupSteps`. */
export interface Schedule {
  readonly kind: (typeof SCHEDULES)[number];
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** Of wsd: how many of the last steps the rate falls in, to 0 after the last one, and how. */
  readonly decay?: { readonly steps: number; readonly shape: (typeof DECAY_SHAPES)[number] } | undefined;
}

/**
 * The learning rate at a step, counted from 0. In transformers the first warm-up step has rate 0; here the warm-up is one step
 * ahead, so that no step is wasted. After the warm-up the schedules are identical.
 */
export function learningRate({ kind, peak, warmupSteps, totalSteps, decay }: Schedule, step: number): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  switch (kind) {
    case "constant":
      return peak;
    case "linear":
      return peak * (1 - progress);
    case "cosine":
      return peak * 0.5 * (1 + Math.cos(Math.PI * progress));
    case "wsd": {
      const { steps, shape } = decay ?? { steps: 0, shape: "linear" };
      const fallen = Math.min(1, Math.max(0, step - (totalSteps - steps)) / Math.max(1, steps));
      return peak * Math.max(0, remaining(shape, fallen));
    }
  }
}

/** The share of the peak that is left after a share of the decay: warm-up, stable, decay (Hu et al., "MiniCPM", 2024). */
function remaining(shape: (typeof DECAY_SHAPES)[number], fallen: number): number {
  if (shape === "cosine") return 0.5 * (1 + Math.cos(Math.PI * fallen));
  return shape === "linear" ? 1 - fallen : 1 - Math.sqrt(fallen);
}

/** Converts each parameter's own peak learning rate, if it has one, to a `rate`: a multiple of the run's peak. */
export function relativeRates(parameters: readonly Parameter[], { peak }: Pick<Schedule, "peak">): Parameter[] {
  return parameters.map(({ learningRate: own, ...parameter }) =>
    own === undefined ? parameter : { ...parameter, rate: own / peak },
  );
}
