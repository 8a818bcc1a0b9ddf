/** Rows of evals; and the tables of all that belongs to them. */
import type { CreateEval, Eval, EvalPage } from "../../../../shared/api/evals.ts";
import type { ListOf } from "../../../../shared/api/lists.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { Criterion } from "../../../../shared/evals/criteria.ts";
import { KEPT_ITEM_SCHEMA, SAMPLE_SCHEMA } from "../../../../shared/evals/samples.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { Database } from "../../database.ts";
import { pageOf } from "../../page.ts";

/** What an eval is; its name and metadata can change. */
export interface EvalRecord {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly config: NonNullable<CreateEval["data_source_config"]>;
  readonly criteria: readonly Criterion[];
  /** Absent of an eval that is of none. */
  readonly suite?: string;
}

export interface EvalRow {
  readonly n: number;
  readonly id: string;
  /** Counts changes of all evals, so that they can be ordered by their last. */
  readonly touched: number;
  /** Unix seconds. */
  readonly created_at: number;
  /** JSON of an `EvalRecord`. */
  readonly record: string;
}

export const EVAL_TABLES = [
  `CREATE TABLE IF NOT EXISTS evals (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, touched INTEGER NOT NULL, created_at INTEGER NOT NULL,
    record TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS eval_runs (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, eval TEXT NOT NULL, status TEXT NOT NULL,
    created_at INTEGER NOT NULL, job TEXT, length INTEGER NOT NULL, total INTEGER NOT NULL DEFAULT 0,
    passed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, errored INTEGER NOT NULL DEFAULT 0,
    criteria TEXT NOT NULL DEFAULT '[]', usage TEXT NOT NULL DEFAULT '{}', error TEXT, scores TEXT, record TEXT NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS eval_run_sources (run TEXT PRIMARY KEY, source TEXT NOT NULL)",
  "CREATE INDEX IF NOT EXISTS eval_runs_of ON eval_runs (eval, n)",
  "CREATE INDEX IF NOT EXISTS eval_runs_by_status ON eval_runs (status, n)",
  `CREATE TABLE IF NOT EXISTS eval_items (
    run TEXT NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER, item TEXT NOT NULL, given TEXT, result TEXT, PRIMARY KEY (run, n))`,
  "CREATE INDEX IF NOT EXISTS eval_items_by_status ON eval_items (run, status, n)",
  `CREATE TABLE IF NOT EXISTS job_evals (
    job TEXT NOT NULL, place INTEGER NOT NULL, eval TEXT NOT NULL, template TEXT NOT NULL, before_run TEXT, after_run TEXT,
    result TEXT, error TEXT, name TEXT NOT NULL, suite TEXT, PRIMARY KEY (job, place))`,
];

const nextTouch = "(SELECT coalesce(max(touched), 0) + 1 FROM evals)";

/** @throws TrimtabError capacity_exceeded beyond the evals that a tenant may have */
export function addEval(
  db: Database,
  { id, createdAt, record }: { id: string; createdAt: number; record: EvalRecord },
): EvalRow {
  const { count } = db.get<{ count: number }>("SELECT count(*) AS count FROM evals")!;
  if (count >= LIMITS.evals) {
    throw new TrimtabError(
      "conflict",
      `There are ${count} evals, which is as many as there may be. Delete some first.`,
    );
  }
  const values = [id, createdAt, JSON.stringify(record)];
  db.run(`INSERT INTO evals (id, touched, created_at, record) VALUES (?, ${nextTouch}, ?, ?)`, ...values);
  return requireEval(db, id);
}

export function requireEval(db: Database, id: string, param = "eval_id"): EvalRow {
  const row = db.get<EvalRow>("SELECT * FROM evals WHERE id = ?", id);
  if (row === undefined) throw new TrimtabError("not_found", `There is no eval ${JSON.stringify(id)}.`, { param });
  return row;
}

export function recordOf(row: Pick<EvalRow, "record">): EvalRecord {
  return JSON.parse(row.record) as EvalRecord;
}

export function changeEval(
  db: Database,
  row: EvalRow,
  change: { readonly name?: string | undefined; readonly metadata?: EvalRecord["metadata"] | undefined },
): EvalRow {
  const record = recordOf(row);
  const { name = record.name, metadata = record.metadata } = change;
  const values = [JSON.stringify({ ...record, name, metadata } satisfies EvalRecord), row.id];
  db.run(`UPDATE evals SET record = ?, touched = ${nextTouch} WHERE id = ?`, ...values);
  return requireEval(db, row.id);
}

export function listEvals(db: Database, { order_by: by, order, ...page }: EvalPage): ListOf<Eval> {
  const table = by === "created_at" ? "evals" : "(SELECT touched AS n, id, created_at, record FROM evals)";
  return pageOf(db, { table, order, size: "length(record)" }, page, evalOf);
}

export function evalOf(row: EvalRow): Eval {
  const { name, metadata, config, criteria, suite } = recordOf(row);
  return {
    object: "eval",
    id: row.id,
    name,
    created_at: row.created_at,
    data_source_config: shownConfig(config),
    testing_criteria: criteria.map((criterion) => ({ ...criterion })),
    metadata: metadata === null ? null : { ...metadata },
    ...(suite === undefined ? {} : { suite }),
  };
}

function shownConfig(config: EvalRecord["config"]): Eval["data_source_config"] {
  const schemaOf = (properties: Readonly<Record<string, unknown>>) => {
    return { type: "object", properties, required: Object.keys(properties) };
  };
  if (config.type !== "custom") {
    const schema = schemaOf({ item: KEPT_ITEM_SCHEMA, sample: SAMPLE_SCHEMA });
    return { type: config.type, schema, metadata: config.metadata ?? null };
  }
  const { item_schema: item, include_sample_schema: hasSample = false } = config;
  return { type: "custom", schema: schemaOf({ item, ...(hasSample ? { sample: SAMPLE_SCHEMA } : {}) }) };
}
