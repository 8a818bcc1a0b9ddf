import type { TrainingSettings } from "../../shared/api/methods.ts";
import { loadModelFolder, readModelJson } from "../../shared/model/model-folder.ts";
import { tokenizerDigest } from "../../shared/model/tokenizer.ts";
import type { Provenance } from "../../shared/package/delta-folder.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { peftMethod } from "../../shared/peft/registry.ts";
import type { Unit } from "../data/units.ts";
import { unitsWithVirtualTokens } from "../data/virtual-tokens.ts";
import { parameterValues, type TrainingState } from "../loop/training-state.ts";
import type { Objective, RunTools } from "./objective.ts";
import { publishFolded, publishOnTop } from "./parent.ts";
import type { PreparedRun } from "./prepare-run.ts";
import type { Metrics, RecipeJob } from "./recipe.ts";
import { publishResult, type ResultFolder, type TrainedResult } from "./result.ts";

/** Makes the result of a state, with its measurements. Equal arguments give equal bytes. */
export type Publisher = (state: TrainingState, metrics: Metrics) => Promise<ResultFolder>;

export async function createPublisher<S extends TrainingSettings>(
  objective: Objective<S>,
  job: RecipeJob<S>,
  { run, tools }: { readonly run: PreparedRun; readonly tools: RunTools<S> },
): Promise<Publisher> {
  const { settings, seed, base, parent } = job;
  const { config, weights, method, below, resumed } = run;
  const tokenizerFile = await tokenizerDigest(readModelJson(base.files, "tokenizer.json"));
  const { totalSteps } = run.hyperparameters.schedule;
  const isModel = methodsOf(settings.peft).some(({ settings: one }) => peftMethod(one).result.kind === "model");

  /**
   * Adapters on a parent become one delta with the parent's, or part of the weights of a parent that has its own. Adapters
   * that went on from the parent's replace them.
   */
  function publishContinued(trained: TrainedResult, provenance: Provenance): Promise<ResultFolder> {
    if (isModel || parent === undefined || resumed !== undefined) return publishResult(trained, provenance);
    if (below === undefined) return publishFolded(trained);
    return publishOnTop({ ...trained, baseModel: loadModelFolder(base.files) }, below, provenance);
  }
  const placed = (units: readonly Unit[]) =>
    unitsWithVirtualTokens(units, method.virtualTokens ?? 0, run.tokenizer.padId);

  const read = [job.training, job.validation].flatMap((dataset) => {
    return dataset?.files?.map(({ dataset: file }) => file.digest) ?? dataset?.digest ?? [];
  });
  const data = [...new Set([...(resumed?.manifest.data_digests ?? []), ...read])].slice(0, 64);

  return async (state, metrics) => {
    const values = parameterValues(state, method.parameters);
    const own = { config, settings, seed, values };
    const units = { training: placed(run.training), validation: placed(run.validation ?? []) };
    const scored = await objective.scorer?.({ ...own, tools, rows: run.rows, ...units });
    const provenance: Provenance = {
      base_model: base.id,
      base_digest: base.digest,
      tokenizer_digest: tokenizerFile,
      data_digests: data,
      metrics: { ...metrics, ...scored?.metrics },
      parents: resumed === undefined ? [] : [resumed.digest],
      created_at: job.createdAt,
    };
    const files = parent?.kind === "model" ? parent.files : base.files;
    const trained = {
      config,
      settings: settings.peft,
      seed,
      weights,
      totalSteps,
      values,
      base: { id: base.id, files },
      scorer: scored?.scorer,
    };
    const folder = await publishContinued(trained, provenance);
    return objective.publish === undefined ? folder : await objective.publish(folder, own);
  };
}
