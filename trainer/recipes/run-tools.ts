import type { TrainingSettings } from "../../shared/api/methods.ts";
import { unitsWithVirtualTokens } from "../data/virtual-tokens.ts";
import type { Executor } from "../engines/executor.ts";
import type { RunTools } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { RecipeContext, RecipeJob } from "./recipe.ts";
import { createScorer } from "./scorer.ts";

export interface RunToolOptions<S extends TrainingSettings> {
  readonly job: RecipeJob<S>;
  readonly run: PreparedRun;
  /** Keeps what it compiles; the caller disposes it. */
  readonly executor: Executor;
  readonly yieldToEventLoop: RecipeContext["yieldToEventLoop"];
}

export function createRunTools<S extends TrainingSettings>(options: RunToolOptions<S>): RunTools<S> {
  const { job, run, executor, yieldToEventLoop } = options;
  const { config, weights, tokenizer, method, maxLength, plan, training } = run;
  const { virtualTokens = 0 } = method;
  const score = createScorer(executor, { config, weights, method, rows: run.rows, yieldToEventLoop });
  return {
    ...{ config, weights, tokenizer, method, executor, maxLength, yieldToEventLoop },
    settings: job.settings,
    seed: job.seed,
    capacity: (method.prefixTokens ?? 0) + run.rows.shape.tokens,
    unitsOf: (step) =>
      plan
        .groups(step)
        .flat()
        .map((index) => training[index]!),
    logProbabilities: async (units, values) => {
      const scores = await score(unitsWithVirtualTokens(units, virtualTokens, tokenizer.padId), values);
      return scores.map((examples) => examples.map((numbers) => numbers.subarray(virtualTokens)));
    },
  };
}
