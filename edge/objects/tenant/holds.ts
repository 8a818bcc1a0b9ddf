/**
 * The tenant's side of a lease. A job's row holds the fence of its newest lease. Every write by a trainer checks the
 * fence in its own transaction, so a trainer that lost its lease changes nothing.
 */
import type { JobStatus } from "../../../shared/api/jobs.ts";
import { laneOf } from "../../../shared/api/methods.ts";
import type { Mixture } from "../../../shared/api/mixtures.ts";
import type { DatasetRef, Heartbeat, HeartbeatReply, Lease } from "../../../shared/api/trainer.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Database } from "../database.ts";
import type { Hold } from "../hold.ts";
import { resumeStateOf } from "./checkpoint-rows.ts";
import { type FileRow, lineFormatOf, requireFile } from "./files.ts";
import { modelFiles } from "./job-models.ts";
import { type JobParent, parentFiles } from "./job-parent.ts";
import { baseOf, findJob, isTerminal, type JobRow, requireJob, specOf, trainedMethod } from "./job-rows.ts";
import { liveTrial, pauseStep } from "./sweeps/sweep-rows.ts";

export interface LeaseTerms extends Hold {
  readonly tenant: string;
  readonly attempt: number;
  readonly leaseSeconds: number;
}

/** The answer to a lease: null if nothing is to be done, with the final status of a job that has ended, and null for a paused one. */
export interface BegunLease {
  readonly lease: Lease | null;
  readonly ended: JobStatus | "unknown" | null;
}

/** Hands a job to a trainer, with what it needs to know. */
export function beginLease(db: Database, terms: LeaseTerms): BegunLease {
  const row = findJob(db, terms.job);
  if (row === undefined) return { lease: null, ended: "unknown" };
  if (row.status === "paused") return { lease: null, ended: null };
  if (isTerminal(row.status)) return { lease: null, ended: row.status };
  if (terms.fence <= row.fence) {
    throw new TrimtabError("internal_error", `The fence ${terms.fence} of ${row.id} is not above ${row.fence}.`);
  }
  return { lease: leaseOf(db, row, terms), ended: null };
}

function leaseOf(db: Database, row: JobRow, terms: LeaseTerms): Lease {
  const spec = specOf(row);
  const base = baseOf(row);
  const root = `/v1/trainer/jobs/${row.id}`;
  const dataset = (id: string, param: string) => ({
    ...datasetRef(requireFile(db, id, param), root),
    ...lineFormatOf(db, id),
  });
  const pauseAt = spec.sweep === undefined ? undefined : pauseStep(db, liveTrial(db, row.id));
  db.run("UPDATE jobs SET status = 'running', fence = ? WHERE id = ?", terms.fence, row.id);
  return {
    job: row.id,
    tenant: terms.tenant,
    lane: laneOf(spec.method),
    fence: terms.fence,
    lease_seconds: terms.leaseSeconds,
    attempt: terms.attempt,
    created_at: row.created_at,
    model: base.id,
    suffix: spec.suffix,
    seed: spec.seed,
    method: trainedMethod(spec),
    executor: spec.executor,
    base: {
      id: base.id,
      digest: base.digest,
      files: base.files.map((file) => ({ ...file, path: `${root}/base/${file.name}` })),
    },
    parent: spec.parent === undefined ? null : parentRef(spec.parent, root),
    models: (spec.models ?? []).map((model, index) => ({
      name: model.name,
      digest: model.digest,
      files: modelFiles(model).map((file) => ({ ...file, path: `${root}/models/${index}/${file.name}` })),
    })),
    training_file: dataset(spec.training_file, "training_file"),
    validation_file: spec.validation_file === null ? null : dataset(spec.validation_file, "validation_file"),
    ...(spec.rehearsal_file === undefined ? {} : { rehearsal_file: dataset(spec.rehearsal_file, "rehearsal_file") }),
    ...(spec.mixture === undefined ? {} : { mixture: mixtureRef(spec.mixture, dataset) }),
    ...(spec.validation_files === undefined
      ? {}
      : { validation_files: spec.validation_files.map((id) => dataset(id, "validation_file")) }),
    checkpoint: resumeStateOf(db, row.id, root),
    ...(pauseAt === undefined ? {} : { pause_at: pauseAt }),
  };
}

function parentRef(parent: JobParent, root: string): NonNullable<Lease["parent"]> {
  const files = parentFiles(parent).map((file) => ({ ...file, path: `${root}/parent/${file.name}` }));
  const how = parent.continue_with === undefined ? {} : { continue_with: parent.continue_with };
  return { model: parent.model, kind: parent.kind, digest: parent.digest, ...how, files };
}

function mixtureRef(
  { files, ...settings }: Mixture,
  dataset: (id: string, param: string) => DatasetRef,
): NonNullable<Lease["mixture"]> {
  return { ...settings, files: files.map(({ id, ...shares }) => ({ file: dataset(id, "training_file"), ...shares })) };
}

function datasetRef(file: FileRow, root: string): Lease["training_file"] {
  const { id, filename, bytes, sha256, format, lines } = file;
  return { id, name: filename, bytes, sha256, format, lines, path: `${root}/files/${id}` };
}

/**
 * The row of a job that the caller holds and that has not ended.
 *
 * @throws TrimtabError stale_lease where another lease has been granted since, cancelled or conflict where the job has ended.
 */
export function requireHold(db: Database, hold: Hold): JobRow {
  const row = requireFence(db, hold);
  if (row.status === "cancelled") {
    throw new TrimtabError("cancelled", `The job ${row.id} was cancelled. Drop it.`);
  }
  if (isTerminal(row.status)) {
    throw new TrimtabError("conflict", `The job ${row.id} has ended: ${row.status}. Drop it.`);
  }
  return row;
}

/** The row of a job whose newest lease is the caller's, ended or not. */
export function requireFence(db: Database, hold: Hold): JobRow {
  const row = requireJob(db, hold.job);
  if (row.fence !== hold.fence) {
    throw new TrimtabError("stale_lease", `The job ${row.id} was handed to another trainer. Drop it and lease again.`, {
      data: { fence: hold.fence, newest: row.fence },
    });
  }
  return row;
}

/** Records a trainer's report and tells it whether to stop. */
export function beat(db: Database, hold: Hold, report: Heartbeat): Omit<HeartbeatReply, "lease_seconds"> {
  const row = requireFence(db, hold);
  const live = !isTerminal(row.status);
  if (live && report.estimated_finish !== undefined) {
    db.run("UPDATE jobs SET estimated_finish = ? WHERE id = ?", report.estimated_finish, row.id);
  }
  return { cancel: !live, pause: row.status === "paused" };
}

/** Notes that a lease goes on: its job may have counted as queued, because the trainer was silent or the job was paused in between. */
export function noteExtended(db: Database, hold: Hold): void {
  db.run("UPDATE jobs SET status = 'running' WHERE id = ? AND fence = ? AND status = 'queued'", hold.job, hold.fence);
}
