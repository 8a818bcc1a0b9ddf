/**
 * Files that a trainer keeps for a job's owner, such as a report. They become the job's result files when it ends, however it ends:
 * what was written down before a failure often says why.
 */
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { doomBlob, readyBlob } from "../blob-ledger.ts";
import type { Database } from "../database.ts";
import type { StoredResultFile } from "./result-files.ts";

export const KEPT_FILES_TABLE = `CREATE TABLE IF NOT EXISTS kept_files (
  n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, name TEXT NOT NULL, blob TEXT NOT NULL, bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL, UNIQUE (job, name))`;

/** JSON of a `CheckedDataset`; null of a file that is none to train on. */
export const KEPT_DATASETS = "ALTER TABLE kept_files ADD COLUMN dataset TEXT";

export interface KeptFileRow {
  readonly job: string;
  readonly name: string;
  readonly blob: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly dataset?: string | null;
}

/**
 * Keeps a file whose bytes are stored, in place of an earlier one of the same name.
 *
 * @throws TrimtabError conflict for more files than a job may keep.
 */
export function keepFile(db: Database, file: KeptFileRow, now: number): void {
  const before = keptFile(db, file.job, file.name);
  const count =
    db.get<{ count: number }>("SELECT count(*) AS count FROM kept_files WHERE job = ?", file.job)?.count ?? 0;
  if (before === undefined && count >= LIMITS.keptFiles) {
    throw new TrimtabError("conflict", `The job ${file.job} keeps ${count} files, which is as many as it may.`);
  }
  if (before !== undefined && before.blob !== file.blob) doomBlob(db, before.blob, now);
  readyBlob(db, file.blob, now);
  db.run(
    `INSERT INTO kept_files (job, name, blob, bytes, sha256, dataset) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (job, name) DO UPDATE SET blob = ?3, bytes = ?4, sha256 = ?5, dataset = ?6`,
    file.job,
    file.name,
    file.blob,
    file.bytes,
    file.sha256,
    file.dataset ?? null,
  );
}

/** A file that a running job has kept. */
export function keptFile(db: Database, job: string, name: string): KeptFileRow | undefined {
  return db.get<KeptFileRow>("SELECT * FROM kept_files WHERE job = ? AND name = ?", job, name);
}

/** Takes the files of a job that ends, to be shown as its result files; `newId` names each. */
export function takeKeptFiles(db: Database, job: string, newId: () => string): StoredResultFile[] {
  const rows = db.all<KeptFileRow>("SELECT * FROM kept_files WHERE job = ? ORDER BY n", job);
  db.run("DELETE FROM kept_files WHERE job = ?", job);
  return rows.map(({ name, blob, bytes, sha256, dataset = null }) => {
    return { id: newId(), blob, filename: name, bytes, sha256, dataset };
  });
}
