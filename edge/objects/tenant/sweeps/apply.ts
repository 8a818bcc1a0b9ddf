/** What happens to sweeps, recorded: every function here changes rows in the caller's transaction and does nothing outside the object. */
import type { JobEvent, JobStatus } from "../../../../shared/api/jobs.ts";
import { VALIDATION_LOSS } from "../../../../shared/api/sweeps.ts";
import type { TenantContext } from "../context.ts";
import { end, say } from "../job-course.ts";
import { findJob, isTerminal, pauseJob, requeueJob, requireJob } from "../job-rows.ts";
import { resultMetrics } from "../pipelines/advance.ts";
import { addResultFiles, type StoredResultFile } from "../result-files.ts";
import { type Action, done, type SweepCourse, short, withTrial } from "./course.ts";
import { dropModels } from "./drop-models.ts";
import { keepSweepCourse, liveTrial, pauseStep, sweepCourse, valuesOf } from "./sweep-rows.ts";
import { sweepSettings } from "./sweep-settings.ts";

type Promotion = Extract<Action, { do: "promote" }>;

function change(context: TenantContext, sweep: string, to: (course: SweepCourse) => SweepCourse): SweepCourse {
  const course = to(sweepCourse(context.db, sweep)!);
  keepSweepCourse(context.db, sweep, course);
  return course;
}

function tell(context: TenantContext, sweep: string, message: string, level: JobEvent["level"] = "info"): void {
  say(context, sweep, { level, message });
}

/** The value that trials are compared by, of a job's metrics. */
export function metricOf(metric: string, metrics: Readonly<Record<string, number>>): number | undefined {
  // The loss of a result is measured on the whole validation file; that of a step may be of part of it.
  const value = metric === VALIDATION_LOSS ? (metrics.tuned_loss ?? metrics[metric]) : metrics[metric];
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** A trial's job has ended. */
export function settleTrial(context: TenantContext, sweep: string, place: number): void {
  const { db } = context;
  const label = `Trial ${place + 1}`;
  const row = findJob(db, sweepCourse(db, sweep)!.trials[place]!.job!);
  const settled = (fate: "failed" | "cancelled", reason: string): void => {
    change(context, sweep, (course) => done(course, place, { fate, reason, tokens: row?.trained_tokens ?? 0 }));
    tell(context, sweep, `${label}: ${fate}: ${reason}`, "warn");
  };
  if (row === undefined || row.status === "cancelled") {
    settled("cancelled", "Its job was cancelled.");
    return;
  }
  if (row.status === "failed") {
    const { message } = JSON.parse(row.error ?? "{}") as { message?: string };
    settled("failed", message ?? "Its job did not say why.");
    return;
  }
  const metrics = resultMetrics(db, row);
  const { metric } = sweepSettings(db, sweep);
  const value = metricOf(metric, metrics);
  const made = { model: row.fine_tuned_model, metrics, tokens: row.trained_tokens ?? 0 };
  if (value === undefined) {
    const names = Object.keys(metrics).sort().join(", ");
    const reason = `It did not report ${JSON.stringify(metric)}; it reported ${names === "" ? "nothing" : names}.`;
    change(context, sweep, (course) => done(course, place, { ...made, fate: "failed", reason }));
    tell(context, sweep, `${label}: ${reason}`, "warn");
    return;
  }
  change(context, sweep, (course) => done(course, place, { ...made, fate: "succeeded", reason: null, value }));
  tell(context, sweep, `${label}: succeeded, ${metric} ${short(value)}`);
}

/** A trial could not become a job. */
export function refused(
  context: TenantContext,
  sweep: string,
  { trial, reason }: { trial: number; reason: string },
): void {
  change(context, sweep, (course) => done(course, trial, { fate: "failed", reason }));
  tell(context, sweep, `Trial ${trial + 1}: it could not be started: ${reason}`, "warn");
}

interface Pruned {
  readonly trial: number;
  readonly reason: string;
  readonly value?: number;
}

/** Ends the job of a trial that is worse than others. */
export function endPruned(context: TenantContext, sweep: string, { trial, reason, value }: Pruned): void {
  const { job } = sweepCourse(context.db, sweep)!.trials[trial]!;
  end(context, job!, { status: "cancelled", message: `The trial was stopped by its sweep. ${reason}` });
  change(context, sweep, (course) =>
    done(course, trial, { fate: "pruned", reason, ...(value === undefined ? {} : { value }) }),
  );
  tell(context, sweep, `Trial ${trial + 1}: pruned. ${reason}`);
}

/** The best of a rung go on, as soon as it is their turn. */
export function promote(context: TenantContext, sweep: string, { keep, drop, rung }: Promotion): void {
  const { rungs, trials } = sweepCourse(context.db, sweep)!;
  const steps = rungs![rung]!;
  const worst = trials[keep.at(-1)!]!.value!;
  for (const trial of drop) {
    const value = trials[trial]!.value!;
    endPruned(context, sweep, {
      trial,
      reason: `Its value after ${steps} steps is ${short(value)}; the ${keep.length} that went on had ${short(worst)} or better.`,
    });
  }
  change(context, sweep, (course) =>
    keep.reduce((next, trial) => withTrial(next, trial, { state: "waiting", rung: rung + 1 }), course),
  );
  const names = keep.map((trial) => trial + 1).join(", ");
  const of = `${keep.length} of ${keep.length + drop.length} trials`;
  tell(context, sweep, `Rung ${rung + 1} of ${rungs!.length}, ${steps} steps: ${of} went on: ${names}`);
}

export function resumeTrial(context: TenantContext, sweep: string, place: number): void {
  const { job } = sweepCourse(context.db, sweep)!.trials[place]!;
  requeueJob(context.db, job!);
  say(context, job!, { level: "info", message: "The trial goes on to the next rung" });
  change(context, sweep, (course) => withTrial(course, place, { state: "live" }));
}

/** A trainer has taken a trial's job. */
export function noteTrialBegun(context: TenantContext, job: string): void {
  const place = liveTrial(context.db, job);
  if (place === undefined || sweepCourse(context.db, place.job)!.begun) return;
  change(context, place.job, (course) => {
    return { ...course, begun: true, status: course.status === "queued" ? "running" : course.status };
  });
}

/** A trial has come to its rung: it waits there for the others, out of the queue. Returns whether it is a trial at a rung. */
export function noteHeld(context: TenantContext, job: string): boolean {
  const { db } = context;
  const place = liveTrial(db, job);
  const step = pauseStep(db, place);
  if (place === undefined || step === undefined) return false;
  const trial = place.trial - 1;
  if (sweepCourse(db, place.job)!.trials[trial]!.state !== "live") return true;
  const { metric } = sweepSettings(db, place.job);
  const value = valuesOf(db, place.job)
    .get(place.trial)
    ?.findLast((measured) => measured.step <= step)?.value;
  if (value === undefined) {
    const message = `It did not report ${JSON.stringify(metric)} until step ${step}, where trials are compared by it.`;
    end(context, job, {
      status: "failed",
      error: { code: "invalid_request", message, param: "method.sweep.metric" },
      message,
    });
    return true;
  }
  if (requireJob(db, job).status !== "paused") pauseJob(db, job);
  say(context, job, { level: "info", message: `The trial waits for the others at step ${step}` });
  change(context, place.job, (course) => withTrial(course, trial, { state: "held", value }));
  tell(context, place.job, `Trial ${place.trial}: ${metric} ${short(value)} after ${step} steps`);
  return true;
}

export interface Finish {
  readonly best: number | null;
  readonly report: readonly StoredResultFile[];
}

/** Ends a sweep of which nothing is left to do. */
export function finish(context: TenantContext, sweep: string, { best, report }: Finish): void {
  const { db } = context;
  const { keep } = sweepSettings(db, sweep);
  const { trials } = sweepCourse(db, sweep)!;
  const winner = best === null ? undefined : trials[best]!;
  addResultFiles(db, sweep, report, context.now());
  if (winner !== undefined && keep === "best") {
    for (const [place, { model, job }] of trials.entries()) {
      if (place === best || model === null) continue;
      const kept = dropModels(context, job!);
      if (kept === null) change(context, sweep, (course) => withTrial(course, place, { model: null }));
      else tell(context, sweep, `Trial ${place + 1}: its model stays. ${kept}`, "warn");
    }
  }
  if (winner !== undefined) {
    over(context, sweep, { status: "succeeded", model: winner.model });
    return;
  }
  const first = trials.find(({ reason }) => reason !== null)?.reason ?? "Each was cancelled.";
  const message = `None of the ${trials.length} trials has succeeded. The first says: ${first}`;
  over(context, sweep, { status: "failed", model: null, error: { code: "no_trial_succeeded", message, param: null } });
}

interface Ending {
  readonly status: JobStatus;
  readonly model: string | null;
  readonly error?: { readonly code: string; readonly message: string; readonly param: string | null };
}

function over(context: TenantContext, sweep: string, { status, model, error }: Ending): void {
  const course = change(context, sweep, (before) => ({ ...before, status }));
  const tokens = course.trials.reduce((sum, trial) => sum + trial.tokens, 0);
  context.db.run("UPDATE jobs SET fine_tuned_model = ?, trained_tokens = ? WHERE id = ?", model, tokens, sweep);
  const message = error?.message ?? `The sweep has ended: ${status}`;
  end(context, sweep, { status, message, ...(error === undefined ? {} : { error }) });
}

/** Cancels a sweep with every trial that has not ended. Results that there are stay. */
export function cancelSweep(context: TenantContext, sweep: string): void {
  const { db } = context;
  const { trials } = sweepCourse(db, sweep)!;
  for (const [place, { state, job }] of trials.entries()) {
    if (state === "done") continue;
    if (job !== null && isTerminal(requireJob(db, job).status)) {
      // Its end has not been noted yet: what it made stays a result.
      settleTrial(context, sweep, place);
      continue;
    }
    if (job !== null) end(context, job, { status: "cancelled", message: "The job was cancelled with its sweep" });
    const fate = job === null ? "skipped" : "cancelled";
    change(context, sweep, (course) => done(course, place, { fate, reason: "The sweep was cancelled." }));
  }
  over(context, sweep, { status: "cancelled", model: null });
}

/** Sets a sweep aside with the trials that are queued or running. */
export function pauseSweep(context: TenantContext, sweep: string): void {
  const paused = liveJobs(context, sweep).filter((job) =>
    ["queued", "running"].includes(requireJob(context.db, job).status),
  );
  for (const job of paused) {
    pauseJob(context.db, job);
    say(context, job, { level: "info", message: "The job was paused with its sweep" });
  }
  change(context, sweep, (course) => ({ ...course, status: "paused" }));
  tell(context, sweep, "The sweep was paused");
}

export function resumeSweep(context: TenantContext, sweep: string): void {
  for (const job of liveJobs(context, sweep)) {
    if (requireJob(context.db, job).status !== "paused") continue;
    requeueJob(context.db, job);
    say(context, job, { level: "info", message: "The job was resumed with its sweep" });
  }
  change(context, sweep, (course) => ({ ...course, status: course.begun ? "running" : "queued" }));
  tell(context, sweep, "The sweep was resumed");
}

function liveJobs({ db }: TenantContext, sweep: string): string[] {
  const { trials } = sweepCourse(db, sweep)!;
  return trials.flatMap(({ state, job }) => (state === "live" && job !== null ? [job] : []));
}
