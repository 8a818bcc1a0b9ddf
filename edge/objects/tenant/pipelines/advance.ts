/**
 * Carries pipelines on. What is due follows from their rows alone, and each step is one transaction: after a crash between any
 * two, the alarm finds the same thing due and does it.
 */
import type { Job } from "../../../../shared/api/jobs.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { Database } from "../../database.ts";
import type { TenantContext } from "../context.ts";
import { tellDispatcher } from "../job-notices.ts";
import { findJob, isTerminal, type JobRow, requireJob } from "../job-rows.ts";
import { happen } from "./apply.ts";
import { dueOf, type Ended } from "./course.ts";
import type { Metrics } from "./gate.ts";
import { courseOf } from "./pipeline-rows.ts";
import { startStage } from "./start-stage.ts";

type Due = { readonly start: true } | { readonly ended: JobRow };

/** What can be done for a pipeline now. */
function dueNow(db: Database, pipeline: string): Due | null {
  const course = courseOf(db, pipeline);
  const due = course === undefined ? null : dueOf(course);
  if (due === null) return null;
  if ("start" in due) return { start: true };
  const row = findJob(db, due.watch);
  return row !== undefined && isTerminal(row.status) ? { ended: row } : null;
}

export function dueSoon(db: Database, pipeline: string): boolean {
  return dueNow(db, pipeline) !== null;
}

/** Does everything that can be done for a pipeline now. */
export async function advance(context: TenantContext, pipeline: string): Promise<void> {
  const { db } = context;
  for (let due = dueNow(db, pipeline); due !== null; due = dueNow(db, pipeline)) {
    if ("ended" in due) {
      const ended = endOf(db, due.ended);
      db.transaction(() => happen(context, pipeline, ended));
      continue;
    }
    try {
      db.transaction(() => startStage(context, requireJob(db, pipeline)));
    } catch (error) {
      if (!(error instanceof TrimtabError) || error.code === "internal_error") throw error;
      const { code, message, param = null } = error;
      db.transaction(() => happen(context, pipeline, { type: "refused", error: { code, message, param } }));
    }
  }
  await tellDispatcher(context);
}

function endOf(db: Database, row: JobRow): Ended {
  return {
    type: "ended",
    job: row.id,
    status: row.status,
    model: row.fine_tuned_model,
    metrics: resultMetrics(db, row),
    tokens: row.trained_tokens ?? 0,
    error: row.error === null ? null : (JSON.parse(row.error) as Job["error"]),
  };
}

/** Counts, which no gate needs. */
const COUNTS: ReadonlySet<string> = new Set(["step", "total_steps"]);

/**
 * What a job ended with: the metrics of its completion, then those of its last step. What an earlier step measured and the last one
 * did not says nothing of the result, so no gate may count it.
 */
export function resultMetrics(db: Database, row: Pick<JobRow, "id" | "metrics">): Metrics {
  const last = db.get<{ data: string }>(
    "SELECT data FROM events WHERE job = ? AND type = 'metrics' AND step IS NOT NULL ORDER BY step DESC LIMIT 1",
    row.id,
  );
  const ofLast = Object.entries(JSON.parse(last?.data ?? "{}") as Record<string, unknown>);
  const numbers = ofLast.filter(([name, value]) => typeof value === "number" && !COUNTS.has(name));
  const atEnd = JSON.parse(row.metrics ?? "{}") as Metrics;
  // Those of the end come first, as they are shown, and are never replaced.
  return { ...atEnd, ...(Object.fromEntries(numbers) as Metrics), ...atEnd };
}
