import type { CreateJob, Job, JobFilter, JobStatus } from "../../../shared/api/jobs.ts";
import { TERMINAL_STATUSES } from "../../../shared/api/jobs.ts";
import type { ListOf } from "../../../shared/api/lists.ts";
import { datasetsOf, type Executor, type Method, requireMixable, settingsOf } from "../../../shared/api/methods.ts";
import type { Mixture } from "../../../shared/api/mixtures.ts";
import { modelsNamedByJob } from "../../../shared/api/pipeline-references.ts";
import {
  isPipeline,
  isSweep,
  isTrained,
  type JobMethod,
  type Pipeline,
  type PipelinePlace,
} from "../../../shared/api/pipelines.ts";
import type { SweepPlace } from "../../../shared/api/sweeps.ts";
import type { Completion } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Database, seconds } from "../database.ts";
import { pageOf } from "../page.ts";
import { requireSettled } from "./edits/settled-deltas.ts";
import { addJobEvals, type JobEvalTemplate, jobEvalsOf } from "./evals/job-eval-rows.ts";
import { requireDataset } from "./files.ts";
import type { JobBase } from "./job-base.ts";
import { type JobModel, jobModels } from "./job-models.ts";
import type { JobParent } from "./job-parent.ts";
import { shownCourse } from "./pipelines/pipeline-rows.ts";
import { rehearsalFileOf, requireKept } from "./rehearsal-file.ts";
import { resultFilesOf } from "./result-files.ts";
import { shownSweep } from "./sweeps/sweep-rows.ts";

/** The job's task; never changes. */
export interface JobSpec {
  readonly method: JobMethod;
  readonly executor: Executor | null;
  readonly seed: number;
  readonly suffix: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly training_file: string;
  readonly validation_file: string | null;
  /** Left out by jobs with one file of each. */
  readonly mixture?: Mixture;
  readonly validation_files?: readonly string[];
  /** Left out by jobs that start from the base. */
  readonly parent?: JobParent;
  /** The pipeline that the job is a stage of; left out by jobs that are none. */
  readonly pipeline?: PipelinePlace;
  /** The uploaded file that is rehearsed; left out by jobs without one. */
  readonly rehearsal_file?: string;
  /** The sweep that the job is a trial of; left out by jobs that are none. */
  readonly sweep?: SweepPlace;
  /** Left out by jobs whose method names no deltas. */
  readonly models?: readonly JobModel[];
}

export interface JobRow {
  readonly id: string;
  readonly status: JobStatus;
  /** JSON of a `JobBase`. */
  readonly base: string;
  /** JSON of a `JobSpec`. */
  readonly spec: string;
  readonly created_at: number;
  readonly finished_at: number | null;
  /** The newest lease that was granted; 0 before the first. */
  readonly fence: number;
  /** 1 if the Dispatcher is known to have been told of the job's last change. */
  readonly told: 0 | 1;
  /** How often the job has changed in a way that the Dispatcher has to be told of. */
  readonly changes: number;
  readonly fine_tuned_model: string | null;
  /** Digest of the published result. */
  readonly result: string | null;
  readonly trained_tokens: number | null;
  readonly estimated_finish: number | null;
  readonly hyperparameters: string | null;
  /** JSON: what the job ended with. */
  readonly metrics: string | null;
  readonly error: string | null;
}

export interface NewJob {
  readonly id: string;
  readonly request: CreateJob;
  readonly method: JobMethod;
  readonly seed: number;
  readonly base: JobBase;
  /** The tuned model to continue from; absent if the job starts from the base. */
  readonly parent?: JobParent | undefined;
  readonly pipeline?: PipelinePlace | undefined;
  readonly sweep?: SweepPlace | undefined;
  /** What it is measured by, before and after. */
  readonly evals?: readonly JobEvalTemplate[] | undefined;
}

/**
 * Records a job; the caller hands it to the Dispatcher afterwards.
 *
 * @throws TrimtabError not_found for a file that the tenant does not have, invalid_request for one of another kind than the job's type needs, invalid_dataset for one without a single token to train on; and as `jobModels` does.
 */
export function addJob(db: Database, job: NewJob, now: number): JobRow {
  const { request } = job;
  if (isTrained(job.method)) requireJobFiles(db, job.method, request);
  const models = jobModels(db, modelsNamedByJob(job.method), job.base);
  const used = models.map(({ artefact }) => artefact);
  requireSettled(db, job.parent === undefined ? used : [...used, job.parent.artefact]);
  const rehearsal = isTrained(job.method) ? rehearsalFileOf(job.method) : undefined;
  const spec: JobSpec = {
    method: job.method,
    executor: request.executor ?? null,
    seed: job.seed,
    suffix: request.suffix ?? null,
    metadata: request.metadata ?? null,
    training_file: request.training_file,
    validation_file: request.validation_file ?? null,
    ...(rehearsal === undefined ? {} : { rehearsal_file: rehearsal }),
    ...(request.mixture === undefined ? {} : { mixture: request.mixture }),
    ...(request.validation_files === undefined ? {} : { validation_files: request.validation_files }),
    ...(job.parent === undefined ? {} : { parent: job.parent }),
    ...(job.pipeline === undefined ? {} : { pipeline: job.pipeline }),
    ...(job.sweep === undefined ? {} : { sweep: job.sweep }),
    ...(models.length === 0 ? {} : { models }),
  };
  db.run(
    "INSERT INTO jobs (id, status, base, spec, created_at) VALUES (?, 'queued', ?, ?, ?)",
    job.id,
    JSON.stringify(job.base),
    JSON.stringify(spec),
    seconds(now),
  );
  addJobEvals(db, job.id, job.evals ?? []);
  return requireJob(db, job.id);
}

/** Throws what `addJob` does for the files of a request that a method cannot use. */
export function requireJobFiles(db: Database, method: Method, request: CreateJob): void {
  const { training_file: training, validation_file: validation, mixture, validation_files: measured } = request;
  const at = {
    ...(mixture === undefined ? {} : { training: "training_file[0]" }),
    ...(measured === undefined ? {} : { validation: "validation_file[0]" }),
  };
  requireDatasets(db, method, { training, validation: validation ?? null, at });
  requireOfOneKind(db, method, { mixture, measured });
}

/** Throws what `addJob` does for files that do not suit a method. */
export function requireDatasets(db: Database, method: Method, { training, validation, at = {} }: NamedFiles): void {
  const param = { training: at.training ?? "training_file", validation: at.validation ?? "validation_file" };
  const { trainable, kind } = requireDataset(db, training, {
    param: param.training,
    kinds: datasetsOf(method, "training_file"),
  });
  // What a model answers itself has nothing to learn yet.
  if (trainable === 0 && kind !== "prompts") {
    throw new TrimtabError(
      "invalid_dataset",
      "The training file has nothing to learn: no completion and no assistant turn with text and a weight other than 0.",
      { param: param.training },
    );
  }
  requireKept(db, method, { validation, at: at.method });
  if (validation === null) return;
  const kinds = datasetsOf(method, "validation_file");
  // A type that can learn from several kinds is measured on the one that it learns from.
  requireDataset(db, validation, { param: param.validation, kinds: kinds.includes(kind) ? [kind] : kinds });
}

interface FileLists {
  readonly mixture: Mixture | undefined;
  readonly measured: readonly string[] | undefined;
}

/** Throws what `addJob` does, with the place in the list, for a file that does not go with the first of them. */
function requireOfOneKind(db: Database, method: Method, { mixture, measured }: FileLists): void {
  requireMixable(method, { mixture, validation_files: measured });
  const training = mixture?.files.map(({ id }) => id) ?? [];
  for (const [field, ids] of [
    ["training_file", training],
    ["validation_file", measured ?? []],
  ] as const) {
    let kinds = datasetsOf(method, field);
    for (const [index, id] of ids.entries()) {
      const param = `${field}[${index}]`;
      const { trainable, kind } = requireDataset(db, id, { param, kinds });
      kinds = [kind];
      if (trainable > 0 || field === "validation_file" || kind === "prompts") continue;
      const message = `\`${param}\` has nothing to learn: no completion and no assistant turn with text and a weight other than 0.`;
      throw new TrimtabError("invalid_dataset", message, { param });
    }
  }
}

export interface NamedFiles {
  readonly training: string;
  readonly validation: string | null;
  /** The fields of the request that name them; those of a job by default. */
  readonly at?: { readonly training?: string; readonly validation?: string; readonly method?: string };
}

/** A job of the tenant; a tenant that was never created has none. */
export function findJob(db: Database, id: string): JobRow | undefined {
  return db.has("jobs") ? db.get<JobRow>("SELECT * FROM jobs WHERE id = ?", id) : undefined;
}

export function requireJob(db: Database, id: string): JobRow {
  const row = findJob(db, id);
  if (row === undefined) {
    throw new TrimtabError("not_found", `There is no fine-tuning job ${JSON.stringify(id)}.`, {
      param: "fine_tuning_job_id",
    });
  }
  return row;
}

export function listJobs(db: Database, { metadata, ...page }: JobFilter): ListOf<Job> {
  const pairs = Object.entries(metadata ?? {});
  const has = "EXISTS (SELECT 1 FROM json_each(spec, '$.metadata') WHERE key = ? AND value = ?)";
  const where =
    metadata === null ? "json_extract(spec, '$.metadata') IS NULL" : pairs.map(() => has).join(" AND ") || "1";
  return pageOf(db, { table: "jobs", where, values: pairs.flat() }, page, (row: JobRow) => jobOf(db, row));
}

export function isTerminal(status: JobStatus): boolean {
  return TERMINAL_STATUSES.includes(status);
}

/** Part of each change that the Dispatcher has to be told of; `job-notices.ts` tells it. */
const TO_TELL = "told = 0, changes = changes + 1";

/** Ends a job; the caller drops its resume state. */
export function endJob(db: Database, id: string, end: { status: JobStatus; error?: Job["error"] }, now: number): void {
  db.run(
    `UPDATE jobs SET status = ?, error = ?, finished_at = ?, estimated_finish = NULL, ${TO_TELL} WHERE id = ?`,
    end.status,
    end.error == null ? null : JSON.stringify(end.error),
    seconds(now),
    id,
  );
}

/** Records a job's result; the caller publishes it and ends the job in the same transaction. */
export function keepResult(db: Database, id: string, done: Completion & { model: string | null }): void {
  db.run(
    "UPDATE jobs SET fine_tuned_model = ?, result = ?, trained_tokens = ?, hyperparameters = ?, metrics = ? WHERE id = ?",
    done.model,
    done.result?.digest ?? null,
    done.trained_tokens,
    JSON.stringify(done.hyperparameters ?? {}),
    JSON.stringify(done.metrics),
    id,
  );
}

/** Pauses a job that is waiting or running. Its fence stays valid for the checkpoint that its trainer may still store. */
export function pauseJob(db: Database, id: string): void {
  db.run(`UPDATE jobs SET status = 'paused', estimated_finish = NULL, ${TO_TELL} WHERE id = ?`, id);
}

/** Has a job wait for a trainer again. */
export function requeueJob(db: Database, id: string): void {
  db.run(`UPDATE jobs SET status = 'queued', ${TO_TELL} WHERE id = ?`, id);
}

/** Marks the job as waiting for a trainer again; it never left the Dispatcher's queue. */
export function awaitTrainer(db: Database, id: string): void {
  db.run("UPDATE jobs SET status = 'queued', estimated_finish = NULL WHERE id = ?", id);
}

/** A job that has not ended and reads the file. */
export function jobNeedingFile(db: Database, file: string): string | undefined {
  return db.get<{ id: string }>(
    `SELECT id FROM jobs WHERE status NOT IN ('succeeded', 'failed', 'cancelled')
     AND (json_extract(spec, '$.training_file') = ?1 OR json_extract(spec, '$.validation_file') = ?1
        OR json_extract(spec, '$.rehearsal_file') = ?1
       OR EXISTS (SELECT 1 FROM json_each(spec, '$.mixture.files') WHERE json_extract(value, '$.id') = ?1)
       OR EXISTS (SELECT 1 FROM json_each(spec, '$.validation_files') WHERE value = ?1))`,
    file,
  )?.id;
}

export function specOf(row: JobRow): JobSpec {
  return JSON.parse(row.spec) as JobSpec;
}

/** The method of a job that a trainer runs, which a pipeline or a sweep is not. */
export function trainedMethod({ method }: Pick<JobSpec, "method">): Method {
  if (isTrained(method)) return method;
  throw new TrimtabError("internal_error", `A ${method.type} was handed to a trainer.`);
}

export function baseOf(row: JobRow): JobBase {
  return JSON.parse(row.base) as JobBase;
}

/** All files of a spec. */
export function filesOfSpec(spec: JobSpec): string[] {
  const { rehearsal_file: rehearsed } = spec;
  const one = [
    spec.training_file,
    ...(spec.validation_file === null ? [] : [spec.validation_file]),
    ...(rehearsed === undefined ? [] : [rehearsed]),
  ];
  return [...one, ...(spec.mixture?.files ?? []).map(({ id }) => id), ...(spec.validation_files ?? [])];
}

function shownFiles({ mixture, validation_files: measured }: JobSpec): Partial<Job> {
  const lists = measured === undefined ? {} : { validation_files: [...measured] };
  if (mixture === undefined) return lists;
  const { files, ...settings } = mixture;
  return { training_files: files.map((file) => ({ ...file })), ...lists, mixture: settings };
}

export function jobOf(db: Database, row: JobRow): Job {
  const spec = specOf(row);
  const tenant = db.get<{ id: string }>("SELECT id FROM tenant")?.id ?? "";
  const requested = settingsOf(spec.method).hyperparameters ?? {};
  const resolved = row.hyperparameters === null ? {} : (JSON.parse(row.hyperparameters) as Job["hyperparameters"]);
  return {
    id: row.id,
    object: "fine_tuning.job",
    model: spec.parent?.model ?? baseOf(row).id,
    created_at: row.created_at,
    finished_at: row.finished_at,
    fine_tuned_model: row.fine_tuned_model,
    organization_id: tenant,
    result_files: resultFilesOf(db, row.id),
    status: row.status,
    training_file: spec.training_file,
    validation_file: spec.validation_file,
    ...shownFiles(spec),
    hyperparameters: { ...requested, ...resolved } as Job["hyperparameters"],
    method: spec.method,
    executor: spec.executor,
    trained_tokens: row.trained_tokens,
    seed: spec.seed,
    suffix: spec.suffix,
    estimated_finish: row.estimated_finish,
    integrations: [],
    metadata: spec.metadata === null ? null : { ...spec.metadata },
    error: row.error === null ? null : (JSON.parse(row.error) as Job["error"]),
    ...(isPipeline(spec.method) ? shownCourse(db, row.id, spec.method.pipeline as Pipeline) : {}),
    ...jobEvalsOf(db, row.id),
    ...(spec.pipeline === undefined ? {} : { pipeline: { ...spec.pipeline } }),
    ...(isSweep(spec.method) ? shownSweep(db, row.id, spec.method.sweep) : {}),
    ...(spec.sweep === undefined ? {} : { sweep: { ...spec.sweep } }),
  };
}
