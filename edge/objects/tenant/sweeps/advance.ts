/**
 * Carries sweeps on. What is due follows from rows alone, and each step is one transaction: after a crash between any two, the alarm
 * finds the same thing due and does it.
 */
import { TrimtabError } from "../../../../shared/errors.ts";
import type { Database } from "../../database.ts";
import type { TenantContext } from "../context.ts";
import { tellDispatcher } from "../job-notices.ts";
import { findJob, isTerminal } from "../job-rows.ts";
import type { StoredResultFile } from "../result-files.ts";
import { endPruned, finish, promote, refused, resumeTrial, settleTrial } from "./apply.ts";
import { type Action, nextAction } from "./course.ts";
import { storeSweepReport } from "./report-files.ts";
import { startTrial } from "./start-trial.ts";
import { sweepCourse, valuesOf } from "./sweep-rows.ts";
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
  return dueNow(db, sweep) !== null;
}

/** Does everything that can be done for a sweep now. */
export async function advanceSweep(context: TenantContext, sweep: string): Promise<void> {
  const { db } = context;
  for (let due = dueNow(db, sweep); due !== null; due = dueNow(db, sweep)) {
    // The report's files are stored before the transaction that shows them.
    const report = due.do === "finish" ? await storeSweepReport(context, sweep) : [];
    db.transaction(() => doNext(context, sweep, report));
  }
  await tellDispatcher(context);
}

/** Does what is due, which may have changed while files were stored. */
function doNext(context: TenantContext, sweep: string, report: readonly StoredResultFile[]): void {
  const due = dueNow(context.db, sweep);
  if (due === null) return;
  if (due.do === "settle") settleTrial(context, sweep, due.trial);
  else if (due.do === "prune") endPruned(context, sweep, due);
  else if (due.do === "promote") promote(context, sweep, due);
  else if (due.do === "resume") resumeTrial(context, sweep, due.trial);
  else if (due.do === "start") start(context, sweep, due.trial);
  else if (due.do === "finish") finish(context, sweep, { best: due.best, report });
}

function start(context: TenantContext, sweep: string, trial: number): void {
  try {
    startTrial(context, sweep, trial);
  } catch (error) {
    // What it needs was deleted since: the others go on.
    if (!(error instanceof TrimtabError) || error.code === "internal_error") throw error;
    refused(context, sweep, { trial, reason: error.message });
  }
}
