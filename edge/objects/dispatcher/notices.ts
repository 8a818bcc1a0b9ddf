/**
 * What tenants tell the queue of their jobs. A tenant records that it has something to tell in the transaction that changes the job, and
 * tells it until the queue has answered. Notices may come twice and overtake each other: each has the count of the job's changes, and
 * one that is older than what the queue knows changes nothing.
 */
import type { JobStatus } from "../../../shared/api/jobs.ts";
import type { Database } from "../database.ts";
import { count, findQueued, forgetPaused, insertQueued, keepBase, type QueuedJob, raiseFences } from "./queue-rows.ts";

export interface JobNotice extends QueuedJob {
  /** How often the job has changed so far. */
  readonly version: number;
  /** A job that waits for a trainer or has one; one that is set aside and needs its base; one that has ended. */
  readonly wanted: "queued" | "kept" | "ended";
  /** How it ended; null before. */
  readonly ended: JobStatus | null;
  /** Whether the job is one that has others run, which are queued in its place. */
  readonly runsJobs: boolean;
  /** The newest lease that the tenant knows of. */
  readonly fence: number;
}

/** How long the queue remembers that a job has ended, so that no notice that was overtaken brings it back. */
const ENDED_MS = 60 * 60 * 1000;

/** Brings the queue up to what a tenant says of one of its jobs. */
export function notice(db: Database, job: JobNotice, now: number): void {
  if (job.version < knownVersion(db, job.job)) return;
  raiseFences(db, job.fence);
  switch (job.wanted) {
    case "queued":
      forgetPaused(db, job.job);
      if (db.change("UPDATE queue SET version = ? WHERE job = ?", job.version, job.job) === 0) insertQueued(db, job);
      return;
    case "kept":
      db.run("DELETE FROM queue WHERE job = ?", job.job);
      if (job.base !== null) keepBase(db, { ...job, base: job.base });
      return;
    case "ended":
      db.run("DELETE FROM queue WHERE job = ?", job.job);
      forgetPaused(db, job.job);
      noteEnded(db, job.job, { version: job.version, ended: job.ended ?? "cancelled" }, now);
  }
}

function knownVersion(db: Database, job: string): number {
  const row = db.get<{ version: number | null }>(
    `SELECT max(version) AS version FROM (SELECT version FROM queue WHERE job = ?1
     UNION ALL SELECT version FROM paused_jobs WHERE job = ?1 UNION ALL SELECT version FROM ended_jobs WHERE job = ?1)`,
    job,
  );
  return row?.version ?? 0;
}

/** Counts the end of a job once, and remembers it for a while. */
export function noteEnded(db: Database, job: string, end: { version: number; ended: JobStatus }, now: number): void {
  db.run("DELETE FROM ended_jobs WHERE at < ?", now - ENDED_MS);
  if (db.get("SELECT 1 FROM ended_jobs WHERE job = ?", job) === undefined) count(db, `jobs_${end.ended}`);
  db.run("INSERT OR REPLACE INTO ended_jobs (job, version, at) VALUES (?, ?, ?)", job, end.version, now);
}

/**
 * Compares jobs that their tenant has not ended with the queue, which takes up those that it does not have. Returns the jobs that are
 * running, says the tenant, and that nobody holds, says the queue.
 */
export function compare(
  db: Database,
  jobs: readonly (JobNotice & { readonly running: boolean })[],
  now: number,
): string[] {
  const unheld: string[] = [];
  for (const job of jobs) {
    notice(db, job, now);
    if (job.running && findQueued(db, job.job)?.state !== "leased") unheld.push(job.job);
  }
  return unheld;
}
