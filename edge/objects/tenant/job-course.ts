/** Steps in a job's life that several modules share: recording an event, ending it, handing it to the Dispatcher. */
import type { Job, JobEvent, JobStatus } from "../../../shared/api/jobs.ts";
import { laneOf } from "../../../shared/api/methods.ts";
import { dropResumeState } from "./checkpoint-rows.ts";
import type { TenantContext } from "./context.ts";
import { noteEditEnded } from "./edits/edit-rows.ts";
import { addEvent } from "./events.ts";
import type { JobBase } from "./job-base.ts";
import { endJob, type JobRow, noteQueued, requireJob, specOf, unqueuedJobs } from "./job-rows.ts";
import { takeKeptFiles } from "./kept-files.ts";
import { addResultFiles } from "./result-files.ts";

/** How long after a job is created the alarm hands it over if the first attempt failed. */
const HAND_OVER_MS = 5_000;

/** Adds an event of the service itself to a job. */
export function say(
  context: TenantContext,
  job: string,
  { level, message }: Pick<JobEvent, "level" | "message">,
): void {
  addEvent(context.db, { id: context.newId("event"), job, level, message }, context.now());
  context.signals.wake(job);
}

const LEVELS: Readonly<Partial<Record<JobStatus, JobEvent["level"]>>> = { succeeded: "info", failed: "error" };

/** Ends a job, shows the files that it kept, records the event and deletes its resume state. */
export function end(
  context: TenantContext,
  id: string,
  { status, error, message }: { status: JobStatus; error?: Job["error"]; message: string },
): void {
  const kept = takeKeptFiles(context.db, id, () => context.newId("file"));
  addResultFiles(context.db, id, kept, context.now());
  endJob(context.db, id, error === undefined ? { status } : { status, error }, context.now());
  dropResumeState(context.db, id, context.now());
  noteEditEnded(context.db, id, { status, error: error ?? null }, context.now());
  say(context, id, { level: LEVELS[status] ?? "warn", message });
}

/**
 * Tells the Dispatcher that a job no longer needs a trainer. If the call fails, the Dispatcher finds out when it next
 * leases the job.
 */
export async function settled(context: TenantContext, job: string, ended: JobStatus | null): Promise<void> {
  const withdrawal = context.dispatcher.queue.withdraw(job, ended);
  await Promise.all([attempt("withdraw a job", withdrawal), context.rearm()]);
}

/** Hands new jobs to the Dispatcher. The alarm retries until it succeeds. */
export async function queue(context: TenantContext): Promise<void> {
  await context.rearm(HAND_OVER_MS);
  await attempt("queue a job", handOver(context, unqueuedJobs(context.db)));
}

export async function handOver(context: TenantContext, jobs: readonly JobRow[]): Promise<void> {
  // A deleted tenant has no jobs and no id.
  if (jobs.length === 0) return;
  const { id: tenant, max_running_jobs: mostRunning } = context.tenant();
  for (const { id } of jobs) {
    const row = requireJob(context.db, id);
    if (row.status !== "queued") continue;
    const { id: base } = JSON.parse(row.base) as JobBase;
    const { executor, method } = specOf(row);
    await context.dispatcher.queue.enqueue({ job: row.id, tenant, executor, lane: laneOf(method), base, mostRunning });
    noteQueued(context.db, row);
  }
}

/** Runs work and only logs a failure, because something else will retry it. */
export async function attempt(what: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    console.warn(`could not ${what}, it will be tried again`, error);
  }
}
