import type { TrainingSettings } from "../../shared/api/methods.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { Executor } from "../engines/executor.ts";
import type { Objective } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { Metrics, RecipeContext, RecipeJob } from "./recipe.ts";

/** A run that has taken its last step. */
export interface TrainedRun<S extends TrainingSettings = TrainingSettings> {
  readonly objective: Objective<S>;
  readonly job: RecipeJob<S>;
  readonly context: RecipeContext;
  /** Keeps what it compiles until the run ends, so programs need not be disposed. */
  readonly executor: Executor;
  readonly run: PreparedRun;
  /** The last step that was taken. */
  readonly step: number;
  /** Of the method's parameters. */
  readonly values: ReadonlyMap<string, Tensor<"f32">>;
  /** What was measured of the validation file. */
  readonly metrics: Metrics;
  /** What the steps reported, without speeds; of a long run some at even distances. The same for a resumed run. */
  readonly steps: readonly Readonly<Record<string, number>>[];
}

/** What a type of job adds to the run of its objective. */
export interface RunHooks<S extends TrainingSettings> {
  /** Called once the result's folder is made, before the run returns. Its errors end the run. */
  afterTraining(trained: TrainedRun<S>): Promise<void>;
}
