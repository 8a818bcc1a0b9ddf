/** The rows of edits: each is a job of the type `edit` and what it came to, or several edits merged into one. */
import type { EditStatus, EditSummary } from "../../../../shared/api/edits.ts";
import type { ListOf, Page } from "../../../../shared/api/lists.ts";
import { EDIT_REPORT_FILE } from "../../../../shared/edits/report.ts";
import { TrimtabError } from "../../../../shared/errors.ts";
import { type Database, seconds } from "../../database.ts";
import { pageOf } from "../../page.ts";
import { dropArtefact, modelsOn, type StackedDelta, stackJson, stackOf } from "../artefact-rows.ts";
import { deleteFile, type FileRow } from "../files.ts";

export const EDIT_TABLES = [
  `CREATE TABLE IF NOT EXISTS edits (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, model TEXT NOT NULL, base TEXT NOT NULL,
    job TEXT, file TEXT, facts INTEGER NOT NULL, stack TEXT NOT NULL, model_name TEXT, delta TEXT, measured TEXT, removal TEXT,
    merged_from TEXT, metadata TEXT, created_at INTEGER NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS edits_of_job ON edits (job)",
];

/** What is measured of an edit: its report without the facts and conflicts, which are read from the file. */
export type Measured = Pick<
  EditSummary,
  "teacher_forced" | "fluency" | "base_loss" | "layers" | "layers_from" | "norm_scaling" | "changes" | "seconds"
> & {
  readonly method: EditSummary["method"];
  readonly scores: NonNullable<EditSummary["scores"]>;
  readonly statistics: EditSummary["statistics"];
  readonly counts: Omit<EditSummary["fact_counts"], "total">;
};

/** A fact that is being taken out of an edit, by solving the rest again. */
export interface Removal {
  readonly fact: number;
  readonly job: string;
  /** The facts that are left. */
  readonly file: string;
  readonly facts: number;
  /** null while its job runs. */
  readonly failed: { readonly status: EditStatus; readonly error: EditSummary["error"] } | null;
}

export interface EditRow {
  readonly id: string;
  /**
   * `check` (of facts, or a tracing of a tenant's own facts) and `tracing` (of a base by its own) have a row only while their job runs,
   * which is not shown.
   */
  readonly kind: "edit" | "check" | "tracing";
  /** As the request named it. */
  readonly model: string;
  readonly base: string;
  /** The job that solved it; null for merged edits. */
  readonly job: string | null;
  /** The file of its facts, a line each; of merged edits the facts' reports, a line each. */
  readonly file: string | null;
  readonly facts: number;
  /** JSON of the deltas on which it was solved. */
  readonly stack: string;
  readonly model_name: string | null;
  /** The artefact's id. */
  readonly delta: string | null;
  readonly measured: string | null;
  readonly removal: string | null;
  readonly merged_from: string | null;
  readonly metadata: string | null;
  readonly created_at: number;
}

export type NewEdit = Pick<EditRow, "id" | "kind" | "model" | "base" | "job" | "file" | "facts"> & {
  readonly stack: readonly StackedDelta[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly mergedFrom?: readonly string[];
};

export function addEdit(db: Database, edit: NewEdit, now: number): void {
  const json = (value: unknown) => (value == null ? null : JSON.stringify(value));
  db.run(
    `INSERT INTO edits (id, kind, model, base, job, file, facts, stack, metadata, merged_from, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[edit.id, edit.kind, edit.model, edit.base, edit.job, edit.file, edit.facts, JSON.stringify(edit.stack)],
    ...[json(edit.metadata), json(edit.mergedFrom), seconds(now)],
  );
}

export function requireEdit(db: Database, id: string): EditRow {
  const row = db.get<EditRow>("SELECT * FROM edits WHERE id = ? AND kind = 'edit'", id);
  if (row !== undefined) return row;
  throw new TrimtabError("not_found", `There is no edit ${JSON.stringify(id)}. GET /v1/edits lists those there are.`, {
    param: "edit_id",
  });
}

export function countEdits(db: Database): number {
  return db.get<{ count: number }>("SELECT count(*) AS count FROM edits WHERE kind = 'edit'")?.count ?? 0;
}

export function listEdits<T extends { readonly id: string }>(
  db: Database,
  page: Page & { readonly model?: string | undefined },
  show: (row: EditRow) => T,
): ListOf<T> {
  const { model } = page;
  const chosen = model === undefined ? "1" : "(base = ? OR model = ? OR model_name = ?)";
  const values = model === undefined ? [] : [model, model, model];
  return pageOf(db, { table: "edits", where: `kind = 'edit' AND ${chosen}`, values }, page, show);
}

/** The edits whose deltas are among the given ones. */
export function editsWithDeltas(db: Database, deltas: readonly string[]): EditRow[] {
  const marks = deltas.map(() => "?").join(", ");
  return db.all<EditRow>(`SELECT * FROM edits WHERE kind = 'edit' AND delta IN (${marks}) ORDER BY n`, ...deltas);
}

export function editWithModel(db: Database, model: string): EditRow | undefined {
  return db.get<EditRow>("SELECT * FROM edits WHERE model_name = ?", model);
}

export function editWithFile(db: Database, file: string): EditRow | undefined {
  const where = "kind = 'edit' AND (file = ?1 OR json_extract(removal, '$.file') = ?1)";
  return db.get<EditRow>(`SELECT * FROM edits WHERE ${where}`, file);
}

/** The edit that reads a file as the report of its job. */
export function editWithReport(db: Database, file: string): EditRow | undefined {
  return db.get<EditRow>(
    `SELECT edits.* FROM edits JOIN files ON files.job = edits.job
     WHERE files.id = ? AND files.filename = ? AND edits.kind = 'edit'`,
    file,
    EDIT_REPORT_FILE,
  );
}

export const stackedOn = ({ stack }: Pick<EditRow, "stack">) => JSON.parse(stack) as StackedDelta[];

export const removalOf = ({ removal }: Pick<EditRow, "removal">) =>
  removal === null ? null : (JSON.parse(removal) as Removal);

/** The edit that a job solves, for the first time or again without a fact. */
export function editOfJob(db: Database, job: string): EditRow | undefined {
  return db.get<EditRow>("SELECT * FROM edits WHERE job = ?1 OR json_extract(removal, '$.job') = ?1", job);
}

export interface Solved {
  /** The model name and the artefact; null where nothing was published. */
  readonly published: { readonly model: string; readonly delta: string } | null;
  readonly measured: Measured | null;
}

/** Records what a job came to; within the transaction that publishes its result. The old delta of an edit goes. */
export function noteSolved(db: Database, job: string, { published, measured }: Solved, now: number): void {
  const row = editOfJob(db, job);
  if (row === undefined || row.kind !== "edit") return;
  const removal = removalOf(row);
  const json = measured === null ? null : JSON.stringify(measured);
  if (removal?.job !== job) {
    db.run(
      "UPDATE edits SET model_name = ?, delta = ?, measured = ? WHERE id = ?",
      ...[published?.model ?? null, published?.delta ?? null, json, row.id],
    );
    return;
  }
  if (published === null) {
    const message = "None of the facts that are left holds when they are solved again. The edit stays as it was.";
    failRemoval(db, row, { status: "failed", error: { code: "invalid_request", message, param: null } }, now);
    return;
  }
  db.run("UPDATE models SET artefact = ? WHERE id = ?", published.delta, published.model);
  if (row.delta !== null && row.delta !== published.delta) {
    restack(db, row, published.delta);
    dropUnnamed(db, row.delta, now);
  }
  dropFilesOf(db, row, now);
  db.run(
    "UPDATE edits SET job = ?, file = ?, facts = ?, delta = ?, measured = ?, removal = NULL WHERE id = ?",
    ...[job, removal.file, removal.facts, published.delta, json, row.id],
  );
}

/** Records what was measured of an edit whose job fails; a removal that fails leaves the edit's own figures. */
export function noteMeasured(db: Database, job: string, measured: Measured): void {
  db.run("UPDATE edits SET measured = ? WHERE job = ? AND kind = 'edit'", JSON.stringify(measured), job);
}

/** Called whenever a job ends: what it needed for itself goes, and a removal that failed is told of. */
export function noteEditEnded(
  db: Database,
  job: string,
  end: { readonly status: string; readonly error?: EditSummary["error"] },
  now: number,
): void {
  const row = editOfJob(db, job);
  if (row === undefined) return;
  if (row.kind !== "edit") {
    if (row.file !== null) deleteFile(db, row.file, now);
    db.run("DELETE FROM edits WHERE id = ?", row.id);
    return;
  }
  const removal = removalOf(row);
  // One that has succeeded is no removal any more.
  if (removal?.job !== job) return;
  dropReports(db, job, now);
  if (removal.failed === null) {
    failRemoval(db, row, { status: end.status as EditStatus, error: end.error ?? null }, now);
  }
}

function failRemoval(db: Database, row: EditRow, failed: NonNullable<Removal["failed"]>, now: number): void {
  const removal = removalOf(row)!;
  deleteFile(db, removal.file, now);
  db.run("UPDATE edits SET removal = ? WHERE id = ?", JSON.stringify({ ...removal, failed }), row.id);
}

/** Deletes the record of an edit, and what only it needs; within a transaction. Models that stand on it go on without it. */
export function dropEdit(db: Database, row: EditRow, now: number): void {
  dropFilesOf(db, row, now);
  const removal = removalOf(row);
  if (removal !== null && removal.failed === null) deleteFile(db, removal.file, now);
  db.run("DELETE FROM edits WHERE id = ?", row.id);
  if (row.model_name !== null) db.run("DELETE FROM models WHERE id = ?", row.model_name);
  if (row.delta === null) return;
  restack(db, row, null);
  dropUnnamed(db, row.delta, now);
}

/** Deletes an edit's facts and the report of its job. */
function dropFilesOf(db: Database, { file, job }: EditRow, now: number): void {
  if (file !== null) deleteFile(db, file, now);
  if (job !== null) dropReports(db, job, now);
}

/** Deletes what a job reports of facts. */
export function dropReports(db: Database, job: string, now: number): void {
  const where = "job = ? AND filename = ? AND state = 'ready'";
  const reports = db.all<FileRow>(`SELECT * FROM files WHERE ${where}`, job, EDIT_REPORT_FILE);
  for (const { id } of reports) deleteFile(db, id, now);
}

const isNamed = (db: Database, delta: string) => db.get("SELECT 1 FROM models WHERE artefact = ?", delta) !== undefined;

function dropUnnamed(db: Database, delta: string, now: number): void {
  if (!isNamed(db, delta)) dropArtefact(db, delta, now);
}

/**
 * Puts another delta, or none, in the place of an edit's wherever models and edits stand on it. Two equal edits share a delta: while
 * the other one has it, only what was solved on this one's model moves.
 */
function restack(db: Database, { delta, model_name: name }: EditRow, instead: string | null): void {
  const shared = isNamed(db, delta!);
  const moved = (stack: readonly StackedDelta[]) =>
    stack.flatMap((one) => {
      if (one.artefact !== delta) return [one];
      return instead === null ? [] : [{ ...one, artefact: instead }];
    });
  for (const model of modelsOn(db, delta!)) {
    if (shared && editWithModel(db, model.id)?.model !== name) continue;
    db.run("UPDATE models SET on_top_of = ? WHERE id = ?", stackJson(moved(stackOf(model))), model.id);
  }
  const on = "EXISTS (SELECT 1 FROM json_each(stack) WHERE json_extract(value, '$.artefact') = ?)";
  for (const edit of db.all<EditRow>(`SELECT * FROM edits WHERE ${on}`, delta)) {
    if (shared && edit.model !== name) continue;
    db.run("UPDATE edits SET stack = ? WHERE id = ?", JSON.stringify(moved(stackedOn(edit))), edit.id);
  }
}
