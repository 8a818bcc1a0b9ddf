/** Rows of the evals that jobs are measured by, before and after. */
import type { JobEval } from "../../../../shared/api/job-evals.ts";
import type { Database } from "../../database.ts";
import { type EvalRow, recordOf } from "./eval-rows.ts";

/** An eval of a job: it is run as `template` was. */
export interface JobEvalTemplate {
  readonly eval: string;
  readonly template: string;
  /** The run on the model that the job starts from, where it has begun. */
  readonly before?: string;
}

export interface JobEvalRow {
  readonly job: string;
  readonly place: number;
  readonly eval: string;
  readonly template: string;
  readonly before_run: string | null;
  readonly after_run: string | null;
  /** JSON of what the comparison shows; null until there is one. */
  readonly result: string | null;
  /** Why there will be none. */
  readonly error: string | null;
  readonly name: string;
  readonly suite: string | null;
}

/** What a comparison comes to. */
export type JobEvalResult = Pick<JobEval, "pass_rate" | "criteria" | "scores">;

/** Records that a job is measured; the caller's transaction creates the job. */
export function addJobEvals(db: Database, job: string, templates: readonly JobEvalTemplate[]): void {
  for (const [place, { eval: of, template, before = null }] of templates.entries()) {
    const { name, suite = null } = recordOf(
      db.get<EvalRow>("SELECT * FROM evals WHERE id = ?", of) ?? { record: "{}" },
    );
    db.run(
      "INSERT INTO job_evals (job, place, eval, template, before_run, name, suite) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[job, place, of, template, before, name ?? "", suite],
    );
  }
}

export const UNSETTLED = "result IS NULL AND error IS NULL";

/** The job that still needs an eval or a run. */
export function jobMeasuredBy(db: Database, id: string): string | undefined {
  const where = `${UNSETTLED} AND ?1 IN (eval, template, before_run, after_run)`;
  return db.get<{ job: string }>(`SELECT job FROM job_evals WHERE ${where}`, id)?.job;
}

/** A job's evals as it shows them; empty for a job without any. */
export function jobEvalsOf(db: Database, job: string): { readonly evals?: JobEval[] } {
  const rows = db.has("job_evals")
    ? db.all<JobEvalRow>("SELECT * FROM job_evals WHERE job = ? ORDER BY place", job)
    : [];
  if (rows.length === 0) return {};
  return {
    evals: rows.map((row) => ({
      eval_id: row.eval,
      name: row.name,
      ...(row.suite === null ? {} : { suite: row.suite }),
      status: row.error !== null ? "failed" : row.result === null ? "waiting" : "completed",
      before_run: row.before_run,
      after_run: row.after_run,
      error: row.error,
      ...(row.result === null ? { pass_rate: null, criteria: [] } : (JSON.parse(row.result) as JobEvalResult)),
    })),
  };
}
