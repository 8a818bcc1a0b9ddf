/** Steps in a job's life that several modules share: recording an event, ending it. */
import type { Job, JobEvent, JobStatus } from "../../../shared/api/jobs.ts";
import { dropResumeState } from "./checkpoint-rows.ts";
import type { TenantContext } from "./context.ts";
import { noteEditEnded } from "./edits/edit-rows.ts";
import { addEvent } from "./events.ts";
import { endJob } from "./job-rows.ts";
import { takeKeptFiles } from "./kept-files.ts";
import { addResultFiles } from "./result-files.ts";

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

/** Runs work and only logs a failure, because something else will retry it. */
export async function attempt(what: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    console.warn(`could not ${what}, it will be tried again`, error);
  }
}
