import type { JobSettings } from "../../shared/api/methods.ts";
import type { MixtureSettings } from "../../shared/api/mixtures.ts";
import type { TrainerEvent } from "../../shared/api/trainer.ts";
import type { ModelAnswer, Question } from "../../shared/graders/kind.ts";
import type { ModelFiles } from "../../shared/model/model-folder.ts";
import type { Executor } from "../engines/executor.ts";
import type { PageStore } from "../loop/update.ts";
import type { ParentFolder } from "./parent.ts";
import type { ResultFolder } from "./result.ts";

/**
 * Everything that determines a run: the same job, on the same machine with the same number of threads, ends with the same
 * bytes.
 */
export interface RecipeJob<Settings = JobSettings> {
  /** Names the run inside its checkpoints, so that no other run resumes from them. */
  readonly run: string;
  /** The registry row that runs it. */
  readonly type: string;
  /** The settings of its type, with every default filled in. */
  readonly settings: Settings;
  readonly seed: number;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly base: BaseFolder;
  /** The tuned model to continue from; absent if the run starts from the base. */
  readonly parent?: ParentFolder | undefined;
  /** The deltas on this base that its settings name, such as reward models, by the names that the settings use. */
  readonly models?: ReadonlyMap<string, NamedDelta>;
  readonly training: Dataset;
  readonly validation: Dataset | null;
  /** The file that `rehearsal_file` names; absent where it names none. */
  readonly rehearsal?: Dataset | null;
  /** How the files of `training` are mixed, where there are several. */
  readonly mixture?: MixtureSettings | undefined;
  /** What to resume from, as returned by `Progress.state`; null starts at step 0. */
  readonly checkpoint: Uint8Array | null;
  /** A step at which the validation lines are measured whatever else is: where a sweep compares its trials. */
  readonly measureAt?: number | undefined;
}

/** A model's Hugging Face folder. */
export interface BaseFolder {
  readonly id: string;
  readonly digest: string;
  readonly files: ModelFiles;
}

/** A delta of the tenant's that a job uses without training it. */
export interface NamedDelta {
  readonly digest: string;
  /** Its manifest and its serving form. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A file beside the result, which the job's owner reads under the job's `result_files`. */
export interface KeptFile {
  /** Such as `report.html`; a job has one file of a name, and a later one replaces it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Dataset {
  readonly name: string;
  /** SHA-256 of the bytes, hexadecimal. */
  readonly digest: string;
  readonly bytes: Uint8Array;
  /** The id of the line format that its examples were said to have; each line's own if left out. */
  readonly format?: string;
  /** Of several files in one: each of them, where `bytes` are all their lines. */
  readonly files?: readonly MixedDataset[];
}

/** One of the files of a dataset. */
export interface MixedDataset {
  readonly dataset: Dataset;
  readonly weight: number;
  readonly maxExamples?: number | undefined;
}

export interface RecipeContext {
  readonly executor: Executor;
  /** Milliseconds. Affects only the speeds that are reported. */
  readonly now: () => number;
  readonly event: (event: Omit<TrainerEvent, "seq">) => void;
  /**
   * Awaited about every second during long work other than steps, such as reading data or measuring, so that timers and
   * sockets get their turn. Its errors end the run and are rethrown.
   */
  readonly yieldToEventLoop: () => Promise<void>;
  /** Storage outside memory, until the recipe ends. */
  readonly openPages: () => PageStore;
  /** Awaited after every step. Its errors end the run and are rethrown. */
  readonly afterStep: (progress: Progress) => Promise<void>;
  /** Awaited whenever the recipe has a result worth keeping before the last one. */
  readonly publishCheckpoint: (step: number, folder: ResultFolder, metrics: Metrics) => Promise<void>;
  /**
   * Asks a model of the tenant's over the API, as a grader or a judge does. A model that can make nothing of the question is a
   * `failure`. Throws TrimtabError for what the job's owner can mend, such as a model that is gone, and `capacity_exceeded`,
   * `rate_limit_exceeded` or `internal_error` where the server gives no answer for minutes: nothing is learned from that.
   */
  readonly ask: (question: Question) => Promise<ModelAnswer>;
  /** Stores a file that the job's owner can read once the job has succeeded. */
  readonly keepFile: (file: KeptFile) => Promise<void>;
  /** What trainers keep beside the job's base; absent: nothing is kept. */
  readonly baseArtefacts?: BaseArtefacts | undefined;
}

/** Files that are computed from a base alone, such as its key statistics: made once, and read by every later job on that base. */
export interface BaseArtefacts {
  /** The bytes that were written under that name; undefined if there are none. */
  readonly read: (name: string) => Promise<Uint8Array | undefined>;
  /** Keeps a file. One that is there already stays: equal names mean equal contents. */
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
}

export type Metrics = Readonly<Record<string, number>>;

export interface Progress {
  readonly step: number;
  readonly totalSteps: number;
  readonly trainedTokens: number;
  /** Encodes everything the run needs to continue from here. */
  readonly state: () => Uint8Array;
}

export interface RecipeOutcome {
  readonly folder: ResultFolder;
  readonly metrics: Metrics;
  readonly trainedTokens: number;
  /** The value of each `auto`. */
  readonly hyperparameters: Readonly<Record<string, number | string | boolean>>;
}

/** A job that publishes nothing: what it found is in the files that it kept. */
export interface UnpublishedOutcome extends Omit<RecipeOutcome, "folder"> {
  readonly folder: null;
}

/**
 * Turns data and a base into a result. Throws `TrimtabError` with a code such as `invalid_dataset` or `invalid_model` if the
 * user has to change something.
 */
export type Recipe = (job: RecipeJob, context: RecipeContext) => Promise<RecipeOutcome>;
/** A recipe that may end without a result to publish. */
export type JobRecipe = (job: RecipeJob, context: RecipeContext) => Promise<RecipeOutcome | UnpublishedOutcome>;
