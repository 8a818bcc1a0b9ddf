import type { TrainingSettings } from "../../shared/api/methods.ts";
import { readModelJson } from "../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../shared/model/tokenizer.ts";
import { parameterValues, type TrainingState } from "../loop/training-state.ts";
import type { Objective } from "./objective.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { Metrics, RecipeJob } from "./recipe.ts";
import { publishResult, type ResultFolder } from "./result.ts";

/** Makes the result of a state, with its measurements. Equal arguments give equal bytes. */
export type Publisher = (state: TrainingState, metrics: Metrics) => Promise<ResultFolder>;

export async function createPublisher<S extends TrainingSettings>(
  objective: Objective<S>,
  job: RecipeJob<S>,
  run: PreparedRun,
): Promise<Publisher> {
  const { settings, seed, base } = job;
  const { config, weights, method } = run;
  const tokenizerFile = await tokenizerDigest(readModelJson(base.files, "tokenizer.json"));
  const { totalSteps } = run.hyperparameters.schedule;
  return async (state, metrics) => {
    const values = parameterValues(state, method.parameters);
    const folder = await publishResult(
      { config, settings: settings.peft, seed, weights, totalSteps, values, base },
      {
        base_model: base.id,
        base_digest: base.digest,
        tokenizer_digest: tokenizerFile,
        data_digests: [job.training, job.validation].flatMap((dataset) => dataset?.digest ?? []),
        metrics: { ...metrics },
        parents: [],
        created_at: job.createdAt,
      },
    );
    return objective.publish === undefined
      ? folder
      : await objective.publish(folder, { config, settings, seed, values });
  };
}
