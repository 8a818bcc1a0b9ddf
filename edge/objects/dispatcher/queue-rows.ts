/**
 * The job queue: a row per job that a trainer may work on. Delivery is at least once. The tenant, which knows the
 * newest fence, makes sure that a job is published only once.
 */

import { DEFAULT_LANE, LANES, type Lane } from "../../../shared/api/lanes.ts";
import type { Executor } from "../../../shared/api/methods.ts";
import { DEFAULTS, LIMITS } from "../../../shared/limits.ts";
import type { Database } from "../database.ts";

export interface QueuedJob {
  readonly job: string;
  readonly tenant: string;
  readonly executor: Executor | null;
  readonly lane?: Lane;
  /** The id of the base model that the job trains on; null for jobs that were queued before bases could be deleted. */
  readonly base: string | null;
}

export interface QueueRow extends QueuedJob {
  readonly lane: Lane;
  readonly state: "queued" | "leased";
  readonly fence: number;
  readonly trainer: string | null;
  readonly lease_seconds: number;
  /** Milliseconds; null while nobody holds the job. */
  readonly lease_until: number | null;
  /** Leases since the last new checkpoint. */
  readonly attempts: number;
  /** The newest notice of the job; see `notices.ts`. */
  readonly version: number;
}

/** A trainer that has not asked for work for this long counts as gone. */
const TRAINER_SEEN_MS = 2 * 60 * 1000;

/** Puts a job at the end of the queue. It keeps its newest fence, under which a trainer that still has it may renew its lease. */
export function insertQueued(
  db: Database,
  job: QueuedJob & { readonly version: number; readonly fence: number },
): void {
  db.run(
    "INSERT INTO queue (job, tenant, executor, base, lane, state, version, fence, lease_seconds) VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?)",
    job.job,
    job.tenant,
    job.executor,
    job.base,
    job.lane ?? DEFAULT_LANE,
    job.version,
    job.fence,
    DEFAULTS.leaseSeconds,
  );
}

/** A job that needs its base. */
export interface JobOnBase {
  readonly job: string;
  readonly paused: boolean;
}

/** The jobs in the queue that train on a base, oldest first, then those that are paused, and pipelines. */
export function jobsOnBase(db: Database, base: string): JobOnBase[] {
  const jobs = (table: "queue" | "paused_jobs", paused: string) =>
    db
      .all<{ job: string; paused: 0 | 1 }>(
        `SELECT job, ${paused} AS paused FROM ${table} WHERE base = ? ORDER BY n`,
        base,
      )
      .map((row) => ({ job: row.job, paused: row.paused === 1 }));
  return [...jobs("queue", "0"), ...jobs("paused_jobs", "1 - pipeline")];
}

/** Forgets that a job is paused, so that it no longer holds its base. Returns whether it was. */
export function forgetPaused(db: Database, job: string): boolean {
  return db.change("DELETE FROM paused_jobs WHERE job = ?", job) > 0;
}

/** A job outside the queue that needs its base. */
export interface KeptJob {
  readonly job: string;
  readonly tenant: string;
  readonly base: string;
  readonly version: number;
  readonly runsJobs: boolean;
}

export function keepBase(db: Database, { job, tenant, base, version, runsJobs }: KeptJob): void {
  db.run(
    "INSERT OR IGNORE INTO paused_jobs (job, base, tenant, pipeline) VALUES (?, ?, ?, ?)",
    job,
    base,
    tenant,
    runsJobs ? 1 : 0,
  );
  db.run("UPDATE paused_jobs SET version = ? WHERE job = ?", version, job);
}

export interface Taker {
  readonly trainer: string;
  readonly executors: readonly Executor[];
  /** The first lane alone if left out: a trainer that knows of no lanes cannot read the jobs of others. */
  readonly lanes?: readonly Lane[] | undefined;
  readonly leaseSeconds: number;
}

/** Sorts the last lane first: its jobs are the shortest. */
const LAST_LANE_FIRST = `CASE lane ${LANES.map((lane, index) => `WHEN '${lane}' THEN ${-index}`).join(" ")} END`;

/**
 * When the job's tenant last had its turn. Somebody waits for a job of a short lane, so that tenants take turns there: one that queues
 * hundreds does not keep the others waiting. Jobs of the first lane go by their age alone.
 */
const LAST_TURN = `CASE lane WHEN '${DEFAULT_LANE}' THEN 0 ELSE
  coalesce((SELECT fence FROM lane_turns WHERE lane_turns.tenant = queue.tenant AND lane_turns.lane = queue.lane), 0) END`;

/**
 * Leases the oldest job that the trainer can run, of the last of its lanes that has one; see `LAST_TURN`. A job whose executor no recent trainer offers goes to any trainer,
 * where it fails with a message that says what to install, instead of waiting forever.
 */
export function takeJob(db: Database, taker: Taker, now: number): QueueRow | undefined {
  db.run("DELETE FROM trainers WHERE seen_at < ?", now - TRAINER_SEEN_MS);
  db.run(
    "INSERT OR REPLACE INTO trainers (id, executors, seen_at) VALUES (?, ?, ?)",
    taker.trainer,
    JSON.stringify(taker.executors),
    now,
  );
  const offered = new Set(
    db
      .all<{ executors: string }>("SELECT executors FROM trainers")
      .flatMap(({ executors }) => JSON.parse(executors) as Executor[]),
  );
  const unoffered = (["onnxruntime", "tensorflow"] as const).filter((executor) => !offered.has(executor));
  const runnable = [...taker.executors, ...unoffered];
  const { lanes = [DEFAULT_LANE] } = taker;
  const marks = (values: readonly string[]) => values.map(() => "?").join(", ");
  const row = db.get<QueueRow>(
    `SELECT * FROM queue WHERE state = 'queued' AND lane IN (${marks(lanes)})
     AND (executor IS NULL OR executor IN (${marks(runnable)})) ORDER BY ${LAST_LANE_FIRST}, ${LAST_TURN}, n LIMIT 1`,
    ...lanes,
    ...runnable,
  );
  if (row === undefined) return undefined;
  const fence = nextFence(db);
  db.run("INSERT OR REPLACE INTO lane_turns (tenant, lane, fence) VALUES (?, ?, ?)", row.tenant, row.lane, fence);
  db.run(
    `UPDATE queue SET state = 'leased', fence = ?, trainer = ?, lease_seconds = ?, lease_until = ?, attempts = attempts + 1
     WHERE job = ?`,
    fence,
    taker.trainer,
    taker.leaseSeconds,
    now + taker.leaseSeconds * 1000,
    row.job,
  );
  return findQueued(db, row.job);
}

export function findQueued(db: Database, job: string): QueueRow | undefined {
  return db.get<QueueRow>("SELECT * FROM queue WHERE job = ?", job);
}

/**
 * Extends a lease, or renews a lapsed one that nobody else has taken. Returns its length in seconds; undefined if the
 * queue does not have the job under this fence.
 */
export function extendLease(db: Database, hold: { job: string; fence: number }, now: number): number | undefined {
  const row = findQueued(db, hold.job);
  if (row === undefined || row.fence !== hold.fence) return undefined;
  db.run("UPDATE queue SET state = 'leased', lease_until = ? WHERE job = ?", now + row.lease_seconds * 1000, hold.job);
  return row.lease_seconds;
}

/** Restarts the count of attempts after a new checkpoint, since the job makes progress. */
export function noteProgress(db: Database, hold: { job: string; fence: number }): void {
  db.run("UPDATE queue SET attempts = 1 WHERE job = ? AND fence = ?", hold.job, hold.fence);
}

/** Hands a job back before its lease has lapsed; that does not count as an attempt. */
export function releaseJob(db: Database, hold: { job: string; fence: number }): void {
  db.run(
    "UPDATE queue SET state = 'queued', trainer = NULL, lease_until = NULL, attempts = max(0, attempts - 1) WHERE job = ? AND fence = ?",
    hold.job,
    hold.fence,
  );
}

/**
 * Removes a job whose tenant has nothing to do for a trainer, while the lease is the job's newest. One that may come back still holds
 * its base until its tenant says more.
 */
export function removeLeased(db: Database, row: QueueRow, { mayComeBack }: { readonly mayComeBack: boolean }): boolean {
  const { job, fence, base, tenant, version } = row;
  const removed = db.change("DELETE FROM queue WHERE job = ? AND fence = ?", job, fence) > 0;
  if (removed && mayComeBack && base !== null) keepBase(db, { job, tenant, base, version, runsJobs: false });
  return removed;
}

/** Forgets every job of a tenant that is gone. */
export function forgetJobs(db: Database, tenant: string): void {
  db.run("DELETE FROM queue WHERE tenant = ?", tenant);
  db.run("DELETE FROM paused_jobs WHERE tenant = ?", tenant);
}

/** Whether a lease is unchanged and over; its trainer may have renewed it since. */
export function isLapsed(db: Database, row: QueueRow, now: number): boolean {
  const { state, fence, lease_until: until } = findQueued(db, row.job) ?? {};
  return state === "leased" && fence === row.fence && (until ?? 0) <= now;
}

/** Leases that have lapsed. One that would last longer than a lease was granted before the clock was put back, and counts from now. */
export function lapsedLeases(db: Database, now: number): QueueRow[] {
  db.run(
    "UPDATE queue SET lease_until = ?1 + 1000 * lease_seconds WHERE state = 'leased' AND lease_until > ?1 + 1000 * lease_seconds",
    now,
  );
  return db.all<QueueRow>("SELECT * FROM queue WHERE state = 'leased' AND lease_until <= ? ORDER BY n LIMIT 100", now);
}

/** Whether a job has used up its leases without making progress. */
export function isExhausted(row: QueueRow): boolean {
  return row.attempts >= LIMITS.leasesWithoutProgress;
}

/** Puts a job whose lease has lapsed back in its place in the queue. */
export function requeue(db: Database, row: QueueRow): void {
  db.run(
    "UPDATE queue SET state = 'queued', trainer = NULL, lease_until = NULL WHERE job = ? AND fence = ? AND state = 'leased'",
    row.job,
    row.fence,
  );
}

/** Retries a lapsed lease later, because its tenant could not be told. */
export function postponeLapse(db: Database, row: QueueRow, until: number): void {
  db.run(
    "UPDATE queue SET lease_until = ? WHERE job = ? AND fence = ? AND state = 'leased'",
    until,
    row.job,
    row.fence,
  );
}

/** When the next lease lapses, in milliseconds; null if there is none. */
export function nextLapse(db: Database): number | null {
  return db.get<{ at: number | null }>("SELECT min(lease_until) AS at FROM queue WHERE state = 'leased'")?.at ?? null;
}

export interface QueueCounts {
  readonly queued: number;
  readonly leased: number;
  readonly trainers: number;
  /** All jobs that have ever ended, by status. */
  readonly ended: Readonly<Record<string, number>>;
}

export function queueCounts(db: Database, now: number): QueueCounts {
  const states = db.all<{ state: string; count: number }>("SELECT state, count(*) AS count FROM queue GROUP BY state");
  const of = (state: string) => states.find((row) => row.state === state)?.count ?? 0;
  const trainers = db.get<{ count: number }>(
    "SELECT count(*) AS count FROM trainers WHERE seen_at >= ?",
    now - TRAINER_SEEN_MS,
  );
  const ended = db
    .all<{ name: string; value: number }>("SELECT * FROM counters WHERE name LIKE 'jobs\\_%' ESCAPE '\\'")
    .map(({ name, value }) => [name.slice("jobs_".length), value] as const);
  return {
    queued: of("queued"),
    leased: of("leased"),
    trainers: trainers?.count ?? 0,
    ended: Object.fromEntries(ended),
  };
}

/** Makes sure that the next fence is above one that a tenant knows. */
export function raiseFences(db: Database, least: number): void {
  if (least === 0) return;
  db.run(
    "INSERT INTO counters (name, value) VALUES ('fence', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
    least,
  );
}

/** Fences increase across all jobs and are stored before they are issued. */
function nextFence(db: Database): number {
  count(db, "fence");
  return db.get<{ value: number }>("SELECT value FROM counters WHERE name = 'fence'")?.value ?? 1;
}

/** Counts one more of something. */
export function count(db: Database, name: string): void {
  db.run("INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", name);
}
