import type { StepReport } from "../loop/optim-step.ts";
import type { Metrics, RecipeContext } from "./recipe.ts";

/** What is known of the validation lines: an evaluator's measurement, or metrics alone. */
export interface Measurement {
  readonly loss?: number | undefined;
  readonly metrics: Metrics;
}

/** Reports a run's steps and measures its speed. */
export interface StepReporter {
  /** Call when a step that read `tokens` tokens has ended: stops the clock until `resume`. */
  pause(tokens: number): void;
  /** Reports the step that has ended, with the measurement made after it. */
  report(step: StepReport, validation: Measurement | undefined): void;
  /** Call when the next step begins. */
  resume(): void;
  /** Tokens per second over all steps; undefined before the first one. */
  speed(): number | undefined;
}

/** @param measured what messages call the lines that are measured, such as "the validation file" */
export function createStepReporter(
  { event, now }: Pick<RecipeContext, "event" | "now">,
  measured: string,
): StepReporter {
  const all = { tokens: 0, milliseconds: 0 };
  let since = now();
  let stepSpeed = 0;
  return {
    pause(tokens) {
      const milliseconds = Math.max(1, now() - since);
      all.tokens += tokens;
      all.milliseconds += milliseconds;
      stepSpeed = (1000 * tokens) / milliseconds;
    },
    report({ step, totalSteps, loss, metrics, ...report }, validation) {
      // One event per step: the server keeps a step's metrics once, however often a killed run repeats it.
      event({
        level: "info",
        message:
          `Step ${step}/${totalSteps}: loss ${loss.toFixed(4)}` +
          (validation?.loss === undefined ? "" : `, ${validation.loss.toFixed(4)} on ${measured}`),
        type: "metrics",
        data: {
          step,
          total_steps: totalSteps,
          loss,
          learning_rate: report.learningRate,
          grad_norm: report.gradNorm,
          tokens_per_second: stepSpeed,
          trained_tokens: report.trainedTokens,
          ...metrics,
          ...(validation?.loss === undefined ? {} : { valid_loss: validation.loss }),
          ...(validation === undefined ? {} : validationMetrics(validation)),
        },
      });
    },
    resume() {
      since = now();
    },
    speed: () => (all.tokens === 0 ? undefined : (1000 * all.tokens) / all.milliseconds),
  };
}

/** A measurement's metrics, under names that set them apart from training's. */
export function validationMetrics({ metrics }: Measurement): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`valid_${name}`, value]));
}
