import type { Hold } from "../hold.ts";
import { objectModule } from "../module.ts";
import { compare, type JobNotice, notice } from "./notices.ts";
import { extendLease, noteProgress, type QueueCounts, queueCounts, releaseJob } from "./queue-rows.ts";

/** The queue, as tenants see it. */
export const queue = objectModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS queue (
      n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, executor TEXT, state TEXT NOT NULL,
      fence INTEGER NOT NULL DEFAULT 0, trainer TEXT, lease_seconds INTEGER NOT NULL DEFAULT 0, lease_until INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0)`,
    "CREATE TABLE IF NOT EXISTS trainers (id TEXT PRIMARY KEY, executors TEXT NOT NULL, seen_at INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "ALTER TABLE queue ADD COLUMN base TEXT",
    // Jobs outside the queue that may come back to it, and hold their bases until then.
    "CREATE TABLE IF NOT EXISTS paused_jobs (n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, base TEXT NOT NULL)",
    // 1 for a pipeline, whose stages are the jobs that are queued.
    "ALTER TABLE paused_jobs ADD COLUMN pipeline INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE queue ADD COLUMN lane TEXT NOT NULL DEFAULT 'jobs'",
    // The newest lease of each tenant's jobs.
    "CREATE TABLE IF NOT EXISTS lane_turns (tenant TEXT NOT NULL, lane TEXT NOT NULL, fence INTEGER NOT NULL, PRIMARY KEY (tenant, lane))",
    // The newest notice of each job; see `notices.ts`.
    "ALTER TABLE queue ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE paused_jobs ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE IF NOT EXISTS ended_jobs (job TEXT PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL)",
    // Empty for jobs that were paused before tenants were noted.
    "ALTER TABLE paused_jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT ''",
  ],
  open: ({ db, now, rearm }) => ({
    calls: {
      /** Takes notice of jobs that have changed; see `notices.ts`. */
      notice: (jobs: readonly JobNotice[]): void =>
        db.transaction(() => {
          for (const job of jobs) notice(db, job, now());
        }),

      /** Returns which of the running jobs nobody holds. */
      compare: (jobs: readonly (JobNotice & { readonly running: boolean })[]): string[] =>
        db.transaction(() => compare(db, jobs, now())),

      progress: (hold: Hold): void => noteProgress(db, hold),

      release: (hold: Hold): void => releaseJob(db, hold),

      /** Extends a lease. Returns its length in seconds; null if another trainer has the job or it has left the queue. */
      async extend(hold: Hold): Promise<number | null> {
        const leaseSeconds = extendLease(db, hold, now());
        await rearm();
        return leaseSeconds ?? null;
      },

      counts: (): QueueCounts => queueCounts(db, now()),
    },
  }),
});
