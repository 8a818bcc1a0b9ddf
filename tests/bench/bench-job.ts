import type { TrainingHyperparameters } from "../../shared/api/methods.ts";
import type { PeftChoice } from "../../shared/peft/presets.ts";
import type { RecipeContext, RecipeJob } from "../../trainer/recipes/recipe.ts";
import { ALONE } from "../support/alone.ts";

/** Names the run inside its checkpoints. */
export const RUN = "bench";

export interface BenchJob extends Pick<RecipeJob, "seed" | "base" | "training"> {
  /** Settings beyond those that every job must give. */
  readonly hyperparameters: Partial<TrainingHyperparameters>;
  readonly peft: PeftChoice;
}

/** A supervised job without a validation file, from its first step. */
export function benchJob({ hyperparameters, peft, ...given }: BenchJob): RecipeJob {
  return {
    run: RUN,
    createdAt: 0,
    type: "supervised",
    settings: {
      hyperparameters: {
        n_epochs: "auto",
        batch_size: "auto",
        learning_rate_multiplier: "auto",
        ...hyperparameters,
      },
      peft,
    },
    validation: null,
    checkpoint: null,
    ...given,
  };
}

/** Effects shared by all benchmarks: nothing is stored and nothing is paged. */
export const BENCH_CONTEXT: Omit<RecipeContext, "executor" | "event" | "afterStep"> = {
  ...ALONE,
  now: () => performance.now(),
  yieldToEventLoop: async () => undefined,
  openPages: () => {
    throw new Error("benchmarks do not page optimizer moments");
  },
  publishCheckpoint: async () => undefined,
};
