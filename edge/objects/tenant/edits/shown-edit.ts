import type { EditSettings } from "../../../../shared/api/edit-settings.ts";
import type { EditStatus, EditSummary } from "../../../../shared/api/edits.ts";
import type { Job, JobStatus } from "../../../../shared/api/jobs.ts";
import { settingsOf } from "../../../../shared/api/methods.ts";
import type { Database } from "../../database.ts";
import { findJob, type JobRow, specOf } from "../job-rows.ts";
import { type EditRow, type Measured, removalOf, stackedOn } from "./edit-rows.ts";
import { ownError } from "./own-error.ts";

const STATUSES: Readonly<Record<JobStatus, EditStatus>> = {
  validating_files: "queued",
  queued: "queued",
  paused: "queued",
  running: "running",
  succeeded: "succeeded",
  failed: "failed",
  cancelled: "cancelled",
};

const NOTHING_HELD = {
  code: "invalid_request",
  message:
    "No fact holds after the edit, so nothing was published; `facts` say why. `options.publish` always publishes the best attempt.",
  param: "options.publish",
};

/** An edit's state: that of its job, but one that published nothing has failed. */
export function statusOf(row: EditRow, job: JobRow | undefined): EditStatus {
  if (job === undefined) return "succeeded";
  const status = STATUSES[job.status];
  return status === "succeeded" && row.delta === null ? "failed" : status;
}

/** An edit as the API shows it, without its facts. */
export function shownEdit(db: Database, row: EditRow): EditSummary {
  const job = row.job === null ? undefined : findJob(db, row.job);
  const status = statusOf(row, job);
  const measured = row.measured === null ? null : (JSON.parse(row.measured) as Measured);
  const none = { edited: 0, failed: 0, already_known: 0, skipped: 0 };
  const failed = job?.error == null ? null : (JSON.parse(job.error) as NonNullable<Job["error"]>);
  return {
    id: row.id,
    object: "edit",
    created_at: row.created_at,
    status,
    model: row.model,
    base: row.base,
    deltas: stackedOn(row).map(({ artefact: id, weight }) => ({ id, weight })),
    method: measured?.method ?? askedMethod(job),
    job: row.job,
    delta: row.delta,
    fine_tuned_model: row.model_name,
    ...(row.merged_from === null ? {} : { merged_from: JSON.parse(row.merged_from) as string[] }),
    scores: measured?.scores ?? null,
    teacher_forced: measured?.teacher_forced ?? null,
    fluency: measured?.fluency ?? null,
    base_loss: measured?.base_loss ?? null,
    layers: measured?.layers ?? null,
    layers_from: measured?.layers_from ?? null,
    norm_scaling: measured?.norm_scaling ?? null,
    changes: measured?.changes ?? [],
    statistics: measured?.statistics ?? null,
    seconds: measured?.seconds ?? null,
    fact_counts: { total: row.facts, ...(measured?.counts ?? none) },
    removal: shownRemoval(db, row),
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, string>),
    error: failed !== null ? ownError(failed) : status === "failed" ? NOTHING_HELD : null,
  };
}

function askedMethod(job: JobRow | undefined): EditSummary["method"] {
  if (job === undefined) return "auto";
  return (settingsOf(specOf(job).method) as unknown as EditSettings).method;
}

function shownRemoval(db: Database, row: EditRow): EditSummary["removal"] {
  const removal = removalOf(row);
  if (removal === null) return null;
  const { fact, job, failed } = removal;
  const status = failed?.status ?? STATUSES[findJob(db, job)?.status ?? "failed"];
  return { fact, job, status, error: failed?.error == null ? null : ownError(failed.error, fact) };
}
