import type { DataSource, EvalRun, EvalRunPage, ModelUsage, RunStatus } from "../../../../shared/api/eval-runs.ts";
import type { ListOf } from "../../../../shared/api/lists.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { TokenUsage } from "../../../../shared/graders/kind.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { Database } from "../../database.ts";
import { pageOf } from "../../page.ts";
import { type EvalRow, recordOf, requireEval } from "./eval-rows.ts";
import type { RunRecord } from "./run-record.ts";

export interface RunRow {
  readonly n: number;
  readonly id: string;
  readonly eval: string;
  /** `pending` while its items arrive: nobody sees it. */
  readonly status: RunStatus | "pending";
  readonly created_at: number;
  /** The job that is measured by it; null of one that was asked for. */
  readonly job: string | null;
  /** Bytes of its items and results. */
  readonly length: number;
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  readonly errored: number;
  /** JSON: how many items each criterion passed and failed, in their order. */
  readonly criteria: string;
  /** JSON: what each model was asked, by its name. */
  readonly usage: string;
  readonly error: string | null;
  readonly scores: string | null;
  /** JSON of a `RunRecord`. */
  readonly record: string;
}

/** Of choosing, whose results have no graders. */
export const CHOICE = "choice";

export type CriterionCounts = readonly { readonly passed: number; readonly failed: number }[];
export type RunUsage = Readonly<Record<string, Omit<ModelUsage, "model_name">>>;

const NO_USAGE: RunUsage[string] = {
  invocation_count: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  cached_tokens: 0,
  total_tokens: 0,
};

export function requireRun(db: Database, of: string, id: string): RunRow {
  const row = db.get<RunRow>("SELECT * FROM eval_runs WHERE id = ? AND eval = ? AND status <> 'pending'", id, of);
  if (row === undefined) {
    requireEval(db, of);
    throw new TrimtabError("not_found", `The eval ${of} has no run ${JSON.stringify(id)}.`, { param: "run_id" });
  }
  return row;
}

export function findRun(db: Database, id: string): RunRow | undefined {
  return db.get<RunRow>("SELECT * FROM eval_runs WHERE id = ?", id);
}

export function runRecord(row: Pick<RunRow, "record">): RunRecord {
  return JSON.parse(row.record) as RunRecord;
}

export function isUnended(status: RunRow["status"]): boolean {
  return status === "queued" || status === "in_progress";
}

export interface NewRun {
  readonly id: string;
  readonly eval: string;
  readonly createdAt: number;
  readonly record: RunRecord;
  /** As the request had it. */
  readonly source: DataSource;
  readonly job?: string;
}

/** Records a run whose items follow. Throws where the tenant has no room for it. */
export function addRun(db: Database, { id, eval: of, createdAt, record, source, job }: NewRun): void {
  requireEval(db, of);
  const [text, asked] = [JSON.stringify(record), JSON.stringify(source)];
  if (Math.max(text.length, asked.length) > LIMITS.keptCompletion) {
    const message =
      "The run's data source is too long to be kept. Upload its items as a file, and name it as the source.";
    throw new TrimtabError("payload_too_large", message, { param: "data_source" });
  }
  const used = db.get<{ live: number; length: number }>(
    "SELECT count(*) FILTER (WHERE status IN ('queued', 'in_progress', 'pending')) AS live, coalesce(sum(length), 0) AS length FROM eval_runs",
  )!;
  if (used.live >= LIMITS.evalRunsAtOnce) {
    const message = `${used.live} runs have not ended, which is as many as there may be. Wait for some, or cancel them.`;
    throw new TrimtabError("conflict", message);
  }
  requireRoom(used.length);
  const values = [id, of, createdAt, job ?? null, text.length + asked.length, text];
  db.run(
    "INSERT INTO eval_runs (id, eval, status, created_at, job, length, record) VALUES (?, ?, 'pending', ?, ?, ?, ?)",
    ...values,
  );
  db.run("INSERT INTO eval_run_sources (run, source) VALUES (?, ?)", id, asked);
}

/** The data source that a run was asked for with. */
export function sourceOf(db: Database, run: string): DataSource {
  const row = db.get<{ source: string }>("SELECT source FROM eval_run_sources WHERE run = ?", run);
  return JSON.parse(row!.source) as DataSource;
}

function requireRoom(length: number): void {
  if (length <= LIMITS.evalsLength) return;
  const message = `The runs of all evals come to more than ${LIMITS.evalsLength} bytes. Delete some first.`;
  throw new TrimtabError("payload_too_large", message);
}

/** Queues a run that has all its items. */
export function queueRun(db: Database, id: string): void {
  db.run(
    `UPDATE eval_runs SET status = 'queued', total = (SELECT count(*) FROM eval_items WHERE run = ?1)
     WHERE id = ?1 AND status = 'pending'`,
    id,
  );
}

export function endRun(
  db: Database,
  id: string,
  status: "completed" | "canceled" | "failed",
  error: EvalRun["error"] = null,
): void {
  db.run(
    "UPDATE eval_runs SET status = ?, error = ? WHERE id = ? AND status IN ('queued', 'in_progress')",
    status,
    error === null ? null : JSON.stringify(error),
    id,
  );
}

export function deleteRun(db: Database, id: string): void {
  db.run("DELETE FROM eval_items WHERE run = ?", id);
  db.run("DELETE FROM eval_run_sources WHERE run = ?", id);
  db.run("DELETE FROM eval_runs WHERE id = ?", id);
}

/** A page of runs, which ends early where their sources are long. */
export function listRuns(db: Database, of: EvalRow, { order, status, ...page }: EvalRunPage): ListOf<EvalRun> {
  const where = "eval = ? AND status <> 'pending'";
  const chosen = status === undefined ? where : `${where} AND status = ?`;
  const values = [of.id, ...(status === undefined ? [] : [status])];
  const table = "(SELECT n, id, eval, status, length(source) AS size FROM eval_runs JOIN eval_run_sources ON run = id)";
  const source = { table, where: chosen, values, order, size: "size" };
  return pageOf(db, source, page, ({ id }: { id: string }) => runOf(db, requireRun(db, of.id, id)));
}

/** The names of what each result is of. */
export function criterionNames(of: EvalRow): string[] {
  const names = recordOf(of).criteria.map(({ name }) => name);
  return names.length === 0 ? [CHOICE] : names;
}

export function runOf(db: Database, row: RunRow): EvalRun {
  const { name, metadata, model, origin, plan } = runRecord(row);
  const counts = JSON.parse(row.criteria) as CriterionCounts;
  const usage = JSON.parse(row.usage) as RunUsage;
  const { total, passed, failed, errored } = row;
  const steering = plan.kind === "grade" ? undefined : plan.asked.steering;
  return {
    object: "eval.run",
    id: row.id,
    eval_id: row.eval,
    name,
    status: row.status as RunStatus,
    model,
    created_at: row.created_at,
    report_url: `${origin}/v1/evals/${row.eval}/runs/${row.id}`,
    result_counts: { total, passed, failed, errored },
    per_model_usage: Object.entries(usage).map(([model_name, used]) => ({ model_name, ...used })),
    per_testing_criteria_results: criterionNames(requireEval(db, row.eval)).map((testing_criteria, index) => {
      return { testing_criteria, ...(counts[index] ?? { passed: 0, failed: 0 }) };
    }),
    data_source: sourceOf(db, row.id),
    metadata: metadata === null ? null : { ...metadata },
    error: row.error === null ? null : (JSON.parse(row.error) as EvalRun["error"]),
    ...(steering === undefined ? {} : { steering }),
    ...(row.scores === null ? {} : { scores: JSON.parse(row.scores) as EvalRun["scores"] }),
  };
}

/** What models were asked before and now. */
export function addUsage(before: RunUsage, asked: readonly (readonly [model: string, usage: TokenUsage])[]): RunUsage {
  const all = new Map(Object.entries(before));
  for (const [model, used] of asked) {
    const known = all.get(model) ?? NO_USAGE;
    all.set(model, {
      invocation_count: known.invocation_count + 1,
      prompt_tokens: known.prompt_tokens + used.prompt_tokens,
      completion_tokens: known.completion_tokens + used.completion_tokens,
      cached_tokens: known.cached_tokens + used.cached_tokens,
      total_tokens: known.total_tokens + used.total_tokens,
    });
  }
  return Object.fromEntries(all);
}
