import type { EvalOutputItem, EvalOutputItemPage, OutputStatus } from "../../../../shared/api/eval-runs.ts";
import type { ListOf } from "../../../../shared/api/lists.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import type { TokenUsage } from "../../../../shared/graders/kind.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import type { Database } from "../../database.ts";
import { pageOf } from "../../page.ts";
import { addUsage, type CriterionCounts, findRun, isUnended, type RunRow, type RunUsage } from "./run-rows.ts";

export interface ItemRow {
  readonly run: string;
  /** Its place in the source, from 0. */
  readonly n: number;
  readonly id: string;
  readonly status: "waiting" | OutputStatus;
  /** How often it was begun. */
  readonly tries: number;
  readonly done_at: number | null;
  readonly item: string;
  /** JSON of the sample that came with it. */
  readonly given: string | null;
  /** JSON of an `ItemResult`. */
  readonly result: string | null;
}

/** What came of an item. */
export interface ItemResult {
  readonly status: OutputStatus;
  /** One for each criterion, in their order; those that could not be judged are missing. */
  readonly results: EvalOutputItem["results"];
  /** Which criterion each result is of. */
  readonly criteria: readonly number[];
  readonly sample: EvalOutputItem["sample"];
  readonly usage: readonly (readonly [model: string, usage: TokenUsage])[];
}

export interface NewItem {
  readonly id: string;
  readonly item: unknown;
  readonly given?: unknown;
}

/** Adds items to a run that is pending, from place `from` on. Throws payload_too_large where they are too many or too long. */
export function addItems(db: Database, run: string, from: number, items: readonly NewItem[]): void {
  const row = findRun(db, run);
  if (row?.status !== "pending")
    throw new TrimtabError("conflict", "The run took too long to be created. Send it again.");
  let { length } = row;
  if (from + items.length > LIMITS.evalItems) {
    const message = `A run has at most ${LIMITS.evalItems} items, and the source has more. Split it into several runs.`;
    throw new TrimtabError("payload_too_large", message, { param: "data_source.source" });
  }
  for (const [index, { id, item, given }] of items.entries()) {
    const [own, sample] = [JSON.stringify(item), given === undefined ? null : JSON.stringify(given)];
    length += own.length + (sample?.length ?? 0);
    db.run(
      "INSERT INTO eval_items (run, n, id, status, item, given) VALUES (?, ?, ?, 'waiting', ?, ?)",
      ...[run, from + index, id, own, sample],
    );
  }
  if (length > LIMITS.evalRunLength) {
    const message = `The items of the run come to more than ${LIMITS.evalRunLength} bytes. Split them into several runs.`;
    throw new TrimtabError("payload_too_large", message, { param: "data_source.source" });
  }
  db.run("UPDATE eval_runs SET length = ? WHERE id = ?", length, run);
}

/** Gives a run the items of another. */
export function copyItems(db: Database, from: string, to: string, newId: () => string): void {
  const rows = db.all<{ n: number }>("SELECT n FROM eval_items WHERE run = ? ORDER BY n", from);
  for (const { n } of rows) {
    db.run(
      "INSERT INTO eval_items (run, n, id, status, item, given) SELECT ?, n, ?, 'waiting', item, given FROM eval_items WHERE run = ? AND n = ?",
      ...[to, newId(), from, n],
    );
  }
}

/** The first items that wait, but for those that are under way. */
export function waitingItem(
  db: Database,
  run: string,
  isTaken: (n: number) => boolean,
  most: number,
): ItemRow | undefined {
  return db
    .all<ItemRow>("SELECT * FROM eval_items WHERE run = ? AND status = 'waiting' ORDER BY n LIMIT ?", run, most + 1)
    .find(({ n }) => !isTaken(n));
}

export function noteTry(db: Database, run: string, n: number): void {
  db.run("UPDATE eval_items SET tries = tries + 1 WHERE run = ? AND n = ?", run, n);
  db.run("UPDATE eval_runs SET status = 'in_progress' WHERE id = ? AND status = 'queued'", run);
}

/**
 * Keeps what came of an item, once, with what it adds to the run's counts. Nothing is kept of a run that has ended.
 *
 * @returns whether the run has no item left
 */
export function finishItem(db: Database, run: string, n: number, result: ItemResult, now: number): boolean {
  const row = findRun(db, run);
  if (row === undefined || !isUnended(row.status)) return false;
  const text = JSON.stringify(result);
  const changed = db.change(
    "UPDATE eval_items SET status = ?, result = ?, done_at = ? WHERE run = ? AND n = ? AND status = 'waiting'",
    ...[result.status, text, now, run, n],
  );
  if (changed === 0) return false;
  const usage = addUsage(JSON.parse(row.usage) as RunUsage, result.usage);
  const counts = [...(JSON.parse(row.criteria) as CriterionCounts)];
  for (const [index, { passed }] of result.results.entries()) {
    const of = result.criteria[index]!;
    const known = counts[of] ?? { passed: 0, failed: 0 };
    counts[of] = passed ? { ...known, passed: known.passed + 1 } : { ...known, failed: known.failed + 1 };
  }
  const column = { pass: "passed", fail: "failed", error: "errored" }[result.status];
  db.run(
    `UPDATE eval_runs SET ${column} = ${column} + 1, usage = ?, criteria = ?, length = length + ? WHERE id = ?`,
    ...[
      JSON.stringify(usage),
      JSON.stringify(Array.from(counts, (of) => of ?? { passed: 0, failed: 0 })),
      text.length,
      run,
    ],
  );
  return db.get("SELECT 1 FROM eval_items WHERE run = ? AND status = 'waiting'", run) === undefined;
}

/** Items that have ended, a page of them at a time. One page may be cut short, so that it is no larger than a list may be. */
export function listItems(
  db: Database,
  run: RunRow,
  { order, status, ...page }: EvalOutputItemPage,
): ListOf<EvalOutputItem> {
  const wanted = status === "failed" ? "fail" : status;
  const chosen = wanted === undefined ? "run = ? AND status <> 'waiting'" : "run = ? AND status = ?";
  const values = [run.id, ...(wanted === undefined ? [] : [wanted])];
  const table = "(SELECT run, n, id, status, length(item) + length(result) AS size FROM eval_items)";
  // Places start at 0, and a page begins behind its cursor.
  const shifted = `(SELECT run, n + 1 AS n, id, status, size FROM ${table})`;
  const source = { table: shifted, where: chosen, values, order, size: "size" };
  return pageOf(db, source, page, ({ id }: { id: string }) => itemOf(requireItem(db, run, id), run));
}

export function requireItem(db: Database, run: RunRow, id: string): ItemRow {
  const row = db.get<ItemRow>("SELECT * FROM eval_items WHERE id = ? AND run = ? AND status <> 'waiting'", id, run.id);
  if (row !== undefined) return row;
  const message = `The run ${run.id} has no output item ${JSON.stringify(id)}.`;
  throw new TrimtabError("not_found", message, { param: "output_item_id" });
}

export function resultOf(row: Pick<ItemRow, "result">): ItemResult {
  return JSON.parse(row.result!) as ItemResult;
}

export function itemOf(row: ItemRow, run: RunRow): EvalOutputItem {
  const { status, results, sample } = resultOf(row);
  return {
    object: "eval.run.output_item",
    id: row.id,
    created_at: row.done_at ?? run.created_at,
    run_id: run.id,
    eval_id: run.eval,
    status,
    datasource_item_id: row.n,
    datasource_item: JSON.parse(row.item) as EvalOutputItem["datasource_item"],
    results,
    sample,
  };
}
