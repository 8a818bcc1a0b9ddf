import type { TrainingSettings } from "../../shared/api/methods.ts";
import type { Unit } from "../data/units.ts";
import { unitsWithVirtualTokens } from "../data/virtual-tokens.ts";
import type { Executor } from "../engines/executor.ts";
import { baseAlone } from "./base-alone.ts";
import type { RunTools } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { RecipeContext, RecipeJob } from "./recipe.ts";
import { createScorer, createTokenReader } from "./scorer.ts";

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
  const { resumed, validation = [], phases } = run;
  const scored = { config, weights, rows: run.rows, yieldToEventLoop };
  const score = createScorer(executor, { ...scored, method });
  const placed = (units: readonly Unit[]) => unitsWithVirtualTokens(units, virtualTokens, tokenizer.padId);
  const unplaced = (numbers: Float32Array) => numbers.subarray(virtualTokens);
  // A run that goes on from a parent's adapters is compared with the parent, as one on its merged weights is.
  const referenceIsBase = resumed === undefined;
  const reference = createScorer(executor, { ...scored, method: baseAlone(method) });
  const logProbabilities: RunTools["logProbabilities"] = async (units, values) =>
    (await score(placed(units), values)).map((examples) => examples.map(unplaced));
  return {
    ...{ config, weights, tokenizer, method, executor, maxLength, yieldToEventLoop },
    ...{ training, validation, phases },
    settings: job.settings,
    seed: job.seed,
    capacity: (method.prefixTokens ?? 0) + run.rows.shape.tokens,
    unitsOf: (step) =>
      plan
        .groups(step)
        .flat()
        .map((index) => training[index]!),
    logProbabilities,
    referenceLogProbabilities: (units) =>
      referenceIsBase ? reference(units, new Map()) : logProbabilities(units, method.initial),
    tokenReader({ name, of, outputs }) {
      if (of === "reference" && referenceIsBase) {
        const read = createTokenReader(executor, { ...scored, method: baseAlone(method), name, outputs });
        return (units) => read(units, new Map());
      }
      const read = createTokenReader(executor, { ...scored, method, name, outputs });
      return async (units, values) => {
        const all = await read(placed(units), of === "reference" ? method.initial : values);
        return Object.fromEntries(
          Object.entries(all).map(([output, scores]) => [output, scores.map((examples) => examples.map(unplaced))]),
        );
      };
    },
  };
}
