/**
 * Carries sweeps on. What is due follows from rows alone, and each step is one transaction: after a crash between any two, the alarm
 * finds the same thing due and does it.
 */
import { TrimtabError } from "../../../../shared/errors.ts";
import type { Database } from "../../database.ts";
import type { TenantContext } from "../context.ts";
import { attempt, queue } from "../job-course.ts";
import { findJob, isTerminal } from "../job-rows.ts";
import type { StoredResultFile } from "../result-files.ts";
import { endPruned, finish, promote, refused, resumeTrial, settleTrial } from "./apply.ts";
import { type Action, nextAction, withTrial } from "./course.ts";
import { storeSweepReport } from "./report-files.ts";
import { startTrial } from "./start-trial.ts";
import { keepSweepCourse, noteSweepBase, sweepBasesToSettle, sweepCourse, valuesOf } from "./sweep-rows.ts";
import { planOf } from "./sweep-settings.ts";

/** What can be done for a sweep now. */
function dueNow(db: Database, sweep: string): Action | null {
  const course = sweepCourse(db, sweep);
  if (course === undefined) return null;
  const plan = planOf(db, sweep);
  const values = plan.prune === undefined ? new Map() : valuesOf(db, sweep);
  return nextAction(plan, course, {
    hasEnded: (trial) => {
      const row = findJob(db, course.trials[trial]!.job!);
      return row === undefined || isTerminal(row.status);
    },
    values: (trial) => values.get(trial + 1) ?? [],
  });
}

export function sweepDueSoon(db: Database, sweep: string): boolean {
  return dueNow(db, sweep) !== null || untold(db, sweep).length > 0;
}

/** Does everything that can be done for a sweep now. */
export async function advanceSweep(context: TenantContext, sweep: string): Promise<void> {
  const { db } = context;
  let queued = false;
  for (let due = dueNow(db, sweep); due !== null; due = dueNow(db, sweep)) {
    // The report's files are stored before the transaction that shows them.
    const report = due.do === "finish" ? await storeSweepReport(context, sweep) : [];
    const made = db.transaction(() => doNext(context, sweep, report));
    queued ||= made;
  }
  if (queued) await queue(context);
  await tell(context, sweep);
  await attempt("settle the bases of sweeps", settleSweepBases(context));
}

/** Does what is due, which may have changed while files were stored. Returns whether a job has to be queued. */
function doNext(context: TenantContext, sweep: string, report: readonly StoredResultFile[]): boolean {
  const due = dueNow(context.db, sweep);
  switch (due?.do) {
    case "settle":
      settleTrial(context, sweep, due.trial);
      return false;
    case "prune":
      endPruned(context, sweep, { trial: due.trial, reason: due.reason, value: due.value });
      return false;
    case "promote":
      promote(context, sweep, due);
      return false;
    case "resume":
      resumeTrial(context, sweep, due.trial);
      return true;
    case "start":
      return start(context, sweep, due.trial);
    case "finish":
      finish(context, sweep, { best: due.best, report });
      return false;
    case undefined:
      return false;
  }
}

function start(context: TenantContext, sweep: string, trial: number): boolean {
  try {
    startTrial(context, sweep, trial);
    return true;
  } catch (error) {
    // What it needs was deleted since: the others go on.
    if (!(error instanceof TrimtabError) || error.code === "internal_error") throw error;
    refused(context, sweep, { trial, reason: error.message });
    return false;
  }
}

/** Tells the Dispatcher of jobs that ended here: one that waits at a rung would hold its base forever. */
async function tell(context: TenantContext, sweep: string): Promise<void> {
  const { db, dispatcher } = context;
  for (const { trial, job } of untold(db, sweep)) {
    await dispatcher.queue.withdraw(job, "cancelled");
    const course = sweepCourse(db, sweep);
    if (course !== undefined) keepSweepCourse(db, sweep, withTrial(course, trial, { untold: false }));
  }
}

function untold(db: Database, sweep: string): { trial: number; job: string }[] {
  const { trials = [] } = sweepCourse(db, sweep) ?? {};
  return trials.flatMap(({ untold: isUntold, job }, trial) => (isUntold && job !== null ? [{ trial, job }] : []));
}

/** Tells the Dispatcher which bases sweeps still need, also while none of their trials is in its queue. */
export async function settleSweepBases(context: TenantContext): Promise<void> {
  const { db, dispatcher } = context;
  for (const { job, base, status } of sweepBasesToSettle(db)) {
    const over = isTerminal(status);
    if (over) await dispatcher.queue.withdraw(job, status);
    else await dispatcher.queue.keepBase(job, base);
    noteSweepBase(db, job, !over);
  }
}
