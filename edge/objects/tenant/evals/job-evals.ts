/**
 * Measures jobs before and after. What is due follows from the rows: the run on the model that a job starts from, once it is
 * created; the run on its result, once there is one; and the comparison, once both have ended.
 */
import type { DataSource } from "../../../../shared/api/eval-runs.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { seconds } from "../../database.ts";
import type { TenantContext } from "../context.ts";
import { baseOf, findJob, isTerminal, type JobRow, specOf } from "../job-rows.ts";
import { compareEvalRuns } from "./compare-runs.ts";
import { copyItems } from "./item-rows.ts";
import { type JobEvalRow, type JobEvalTemplate, UNSETTLED } from "./job-eval-rows.ts";
import type { RunRecord } from "./run-record.ts";
import { addRun, findRun, isUnended, queueRun, type RunRow, runRecord, sourceOf } from "./run-rows.ts";

type Due =
  | { readonly run: "before_run" | "after_run"; readonly model: string }
  | { readonly compare: readonly [before: RunRow, after: RunRow] }
  | { readonly fail: string };

function unsettled({ db }: TenantContext): JobEvalRow[] {
  return db.has("job_evals") ? db.all<JobEvalRow>(`SELECT * FROM job_evals WHERE ${UNSETTLED}`) : [];
}

/** What can be done for an eval of a job now; null where it waits. */
function dueOf({ db }: TenantContext, row: JobEvalRow): Due | null {
  const job = findJob(db, row.job);
  if (job === undefined) return { fail: "the job was deleted" };
  if (row.before_run === null) return { run: "before_run", model: startOf(job) };
  if (isTerminal(job.status) && (job.status !== "succeeded" || job.fine_tuned_model === null)) {
    return { fail: `the job has ended (${job.status}) without a model that could be measured` };
  }
  if (row.after_run === null) {
    return job.fine_tuned_model === null ? null : { run: "after_run", model: job.fine_tuned_model };
  }
  const runs = [row.before_run, row.after_run].map((id) => findRun(db, id));
  const [before, after] = runs;
  const broken = runs.find((run) => run === undefined || run.status === "failed" || run.status === "canceled");
  if (before === undefined || after === undefined) return { fail: "a run was deleted" };
  if (broken !== undefined) return { fail: `the run ${broken.id} has ended without results (${broken.status})` };
  return isUnended(before.status) || isUnended(after.status) ? null : { compare: [before, after] };
}

function startOf(job: JobRow): string {
  return specOf(job).parent?.model ?? baseOf(job).id;
}

export function jobEvalsDue(context: TenantContext): boolean {
  return unsettled(context).some((row) => dueOf(context, row) !== null);
}

/** Does what is due, each in a transaction of its own. */
export function settleJobEvals(context: TenantContext): void {
  const { db } = context;
  for (const row of unsettled(context)) {
    const due = dueOf(context, row);
    if (due === null) continue;
    const keep = (column: string, value: string) =>
      db.run(`UPDATE job_evals SET ${column} = ? WHERE job = ? AND place = ?`, value, row.job, row.place);
    try {
      db.transaction(() => {
        if ("fail" in due) keep("error", due.fail);
        else if ("run" in due) keep(due.run, repeatRun(context, row, due.model));
        else keep("result", JSON.stringify(compareEvalRuns(db, ...due.compare)));
      });
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      keep("error", error.message);
    }
  }
}

/** Runs the template's items on a model: with its messages and its sampling, without its own deltas and steering. */
function repeatRun(context: TenantContext, row: JobEvalRow, model: string): string {
  const { db, newId } = context;
  const template = findRun(db, row.template);
  if (template === undefined) throw new TrimtabError("not_found", `the run ${row.template} was deleted`);
  const before = runRecord(template);
  if (before.plan.kind === "grade") throw new TrimtabError("invalid_request", "the eval's last run had no model");
  const plan = { ...before.plan, asked: { name: model, deltas: [] } };
  const { deltas: _, steering: __, ...source } = { deltas: [], steering: {}, ...sourceOf(db, template.id), model };
  const record: RunRecord = { ...before, plan, model, metadata: null };
  const id = newId("evalRun");
  const createdAt = seconds(context.now());
  addRun(db, { id, eval: row.eval, createdAt, record, source: source as DataSource, job: row.job });
  copyItems(db, template.id, id, () => newId("evalItem"));
  queueRun(db, id);
  return id;
}

/** The last run of an eval that asked a model, which jobs repeat. Throws where there is none. */
export function templateOf({ db }: TenantContext, of: string, param: string): JobEvalTemplate {
  const where = "eval = ? AND status <> 'pending' AND job IS NULL AND json_extract(record, '$.plan.kind') <> 'grade'";
  const run = db.get<{ id: string }>(`SELECT id FROM eval_runs WHERE ${where} ORDER BY n DESC LIMIT 1`, of);
  if (run !== undefined) return { eval: of, template: run.id };
  const message = `The eval ${of} has no run with a model yet, whose items and messages the job's runs could repeat. Run it once first, on any model.`;
  throw new TrimtabError("invalid_request", message, { param });
}
