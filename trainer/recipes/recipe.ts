import type { JobSettings } from "../../shared/api/methods.ts";
import type { TrainerEvent } from "../../shared/api/trainer.ts";
import type { ModelFiles } from "../../shared/model/model-folder.ts";
import type { Executor } from "../engines/executor.ts";
import type { PageStore } from "../loop/update.ts";
import type { ResultFolder } from "./result.ts";

/** What a run is a function of: the same job on the same machine and thread count ends with the same bytes. */
export interface RecipeJob<Settings = JobSettings> {
  /** Names the run inside its checkpoints, so that no other run resumes from them. */
  readonly run: string;
  /** The row of the registry. */
  readonly type: string;
  /** What the job says about its type, every default filled in. */
  readonly settings: Settings;
  readonly seed: number;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly base: BaseFolder;
  readonly training: Dataset;
  readonly validation: Dataset | null;
  /** What to resume from, as `Progress.state` gave it; null: start at step 0. */
  readonly checkpoint: Uint8Array | null;
}

/** A model's Hugging Face folder. */
export interface BaseFolder {
  readonly id: string;
  readonly digest: string;
  readonly files: ModelFiles;
}

export interface Dataset {
  readonly name: string;
  /** SHA-256 of the bytes, hexadecimal. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface RecipeContext {
  readonly executor: Executor;
  /** Milliseconds; decides nothing but the speeds that are reported. */
  readonly now: () => number;
  readonly event: (event: Omit<TrainerEvent, "seq">) => void;
  /**
   * Waited for wherever something other than a step takes long, every second or so: reading data, measuring. Timers and
   * sockets get their turn, and what it throws ends the run and is thrown on.
   */
  readonly yieldToEventLoop: () => Promise<void>;
  /** Room outside of memory, until the recipe ends. */
  readonly openPages: () => PageStore;
  /** Waited for after every step. What it throws ends the run and is thrown on. */
  readonly afterStep: (progress: Progress) => Promise<void>;
  /** Waited for wherever the recipe has a result worth keeping before the last one. */
  readonly publishCheckpoint: (step: number, folder: ResultFolder, metrics: Metrics) => Promise<void>;
}

export type Metrics = Readonly<Record<string, number>>;

export interface Progress {
  readonly step: number;
  readonly totalSteps: number;
  readonly trainedTokens: number;
  /** Encodes everything that the run needs to go on from here. */
  readonly state: () => Uint8Array;
}

export interface RecipeOutcome {
  readonly folder: ResultFolder;
  readonly metrics: Metrics;
  readonly trainedTokens: number;
  /** What every `auto` became. */
  readonly hyperparameters: Readonly<Record<string, number | string | boolean>>;
}

/**
 * A way to turn data and a base into a result. Throws `TrimtabError` with a code of the request (`invalid_dataset`,
 * `invalid_model`, …) where the user has to change something.
 */
export type Recipe = (job: RecipeJob, context: RecipeContext) => Promise<RecipeOutcome>;
