import type { DatasetFix } from "../../../shared/api/datasets.ts";
import type { ExportReport } from "../../../shared/api/feedback.ts";
import {
  type DatasetFacts,
  datasetSentence,
  type FileObject,
  requireDatasetKind,
  type UploadPurpose,
} from "../../../shared/api/files.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import type { DatasetKindName } from "../../../shared/data/dataset-kinds/registry.ts";
import { saidFormat } from "../../../shared/data/said-format.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { BlobSource } from "../../blobs/blob-source.ts";
import { doomBlob, readyBlob, reserveBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";

/** What a file is for, unless it is to train on or a job's result. */
type FilePurpose = "edit" | Exclude<UploadPurpose, "fine-tune">;

export interface FileRow {
  readonly id: string;
  /** A deleted file's row stays, so that a list can continue from it. */
  readonly state: "pending" | "ready" | "deleted";
  readonly blob: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly lines: number;
  readonly trainable: number;
  readonly created_at: number;
  /** The job whose results the file holds; null of a dataset. */
  readonly job: string | null;
  /** null: as `job` says. */
  readonly purpose: FilePurpose | null;
}

/** Facts gathered about a dataset while it streamed in. */
export interface FileFacts {
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The kind of its lines, "mixed" where there are several, "objects" where any will do. */
  readonly format: string;
  readonly lines: number;
  /** Lines with at least one token to train on. */
  readonly trainable: number;
  readonly dataset: DatasetFacts;
  /** `edit`: of the facts of an edit, which deletes it; a dataset to train on if left out. */
  readonly purpose?: UploadPurpose | "edit";
}

/** First step of an upload: records the file as pending. The bytes follow, then `finishFile`. */
export function beginFile(db: Database, file: { id: string; blob: string }, now: number): void {
  reserveBlob(db, file.blob, now);
  db.run(
    `INSERT INTO files (id, state, blob, filename, bytes, sha256, format, lines, trainable, created_at)
     VALUES (?, 'pending', ?, '', 0, '', '', 0, 0, ?)`,
    file.id,
    file.blob,
    seconds(now),
  );
}

export function finishFile(db: Database, id: string, facts: FileFacts, now: number): FileObject {
  const row = db.get<FileRow>("SELECT * FROM files WHERE id = ? AND state = 'pending'", id);
  if (row === undefined)
    throw new TrimtabError("conflict", "The upload took too long and was swept. Send the file again.");
  db.run(
    "UPDATE files SET state = 'ready', filename = ?, bytes = ?, sha256 = ?, format = ?, lines = ?, trainable = ?, purpose = ? WHERE id = ?",
    facts.filename,
    facts.bytes,
    facts.sha256,
    facts.format,
    facts.lines,
    facts.trainable,
    facts.purpose === "fine-tune" ? null : (facts.purpose ?? null),
    id,
  );
  db.run("INSERT OR REPLACE INTO file_facts (file, facts) VALUES (?, ?)", id, JSON.stringify(facts.dataset));
  readyBlob(db, row.blob, now);
  return fileOf(db, requireFile(db, id, "file"));
}

/** Deletes the record of a failed upload; its bytes are swept. */
export function dropPendingFile(db: Database, id: string, now: number): void {
  const row = db.get<FileRow>("SELECT * FROM files WHERE id = ? AND state = 'pending'", id);
  if (row === undefined) return;
  db.run("DELETE FROM files WHERE id = ?", id);
  doomBlob(db, row.blob, now);
}

/** Deletes the records of uploads whose bytes the blob sweep has abandoned. */
export function sweepPendingFiles(db: Database): void {
  db.run("DELETE FROM files WHERE state = 'pending' AND blob NOT IN (SELECT key FROM blobs WHERE state = 'pending')");
}

export function requireFile(db: Database, id: string, param: string): FileRow {
  const row = db.get<FileRow>("SELECT * FROM files WHERE id = ? AND state = 'ready'", id);
  if (row === undefined) throw new TrimtabError("not_found", `There is no file ${JSON.stringify(id)}.`, { param });
  return row;
}

export function isStored(db: Database, id: string): boolean {
  return db.get("SELECT 1 FROM files WHERE id = ? AND state = 'ready'", id) !== undefined;
}

type NamedSource = BlobSource & { readonly filename: string };

function sourceOf({ blob, bytes, sha256, filename }: FileRow): NamedSource {
  return { key: blob, bytes, sha256, filename };
}

/** What a file must be, and the field of the request that names it. */
export interface NeededDataset {
  readonly param: string;
  /** One of these. */
  readonly kinds: readonly DatasetKindName[];
}

/**
 * @throws TrimtabError not_found, or invalid_request for a file that holds a job's results, was uploaded for another purpose, or is
 *   of another kind.
 */
export function requireDataset(db: Database, id: string, { param, kinds }: NeededDataset): FileRow & DatasetUse {
  const row = requireFile(db, id, param);
  const isOfAnyObjects = row.purpose === "evals" || row.purpose === "user_data";
  const facts = factsOf(db, id);
  // Data that a job has made is as good as an upload.
  if ((row.job === null || facts !== null) && !isOfAnyObjects) {
    return { ...row, kind: requireDatasetKind(facts, kinds, param), ...lineFormat(facts) };
  }
  const what = isOfAnyObjects ? `was uploaded with purpose "${row.purpose}"` : `holds the results of ${row.job}`;
  const message = `The file ${id} ${what}. Name a file that was uploaded with purpose "fine-tune".`;
  throw new TrimtabError("invalid_request", message, { param });
}

/** How a dataset is read. */
export interface DatasetUse {
  readonly kind: DatasetKindName;
  /** The id of the line format that it was said to have; left out where each line shows its own. */
  readonly said_format?: string;
}

/** The line format that a file was said to have, for what reads it. */
export function lineFormatOf(db: Database, file: string): Pick<DatasetUse, "said_format"> {
  return lineFormat(factsOf(db, file));
}

function lineFormat(facts: DatasetFacts | null): Pick<DatasetUse, "said_format"> {
  const format = facts?.said_format === undefined ? undefined : saidFormat(facts.said_format).format;
  return format === undefined ? {} : { said_format: format };
}

/** A page of a tenant's files, and which of them to list: all unless a purpose is named. */
export type FilePage = Page & { readonly order: "asc" | "desc"; readonly purpose?: string | undefined };

const OF_PURPOSE: Readonly<Record<FileObject["purpose"], string>> = {
  "fine-tune": "job IS NULL AND purpose IS NULL",
  evals: "purpose = 'evals'",
  user_data: "purpose = 'user_data'",
  edit: "purpose = 'edit'",
  "fine-tune-results": "job IS NOT NULL",
};

export function listFiles(db: Database, page: FilePage): ListOf<FileObject> {
  const { purpose, order } = page;
  const known = Object.entries(OF_PURPOSE).find(([name]) => name === purpose)?.[1];
  const chosen = known ?? (purpose === undefined ? "1" : "0");
  const source = { table: "files", where: `state = 'ready' AND ${chosen}`, cursors: "state <> 'pending'", order };
  return pageOf(db, source, page, (row: FileRow) => fileOf(db, row));
}

/** Deletes a file that nothing needs any more. */
export function deleteFile(db: Database, id: string, now: number): Deleted {
  const row = requireFile(db, id, "file_id");
  db.run("UPDATE files SET state = 'deleted', filename = '', sha256 = '' WHERE id = ?", id);
  db.run("DELETE FROM file_facts WHERE file = ?", id);
  doomBlob(db, row.blob, now);
  return { id, object: "file", deleted: true };
}

function factsOf(db: Database, file: string): DatasetFacts | null {
  const facts = db.get<{ facts: string }>("SELECT facts FROM file_facts WHERE file = ?", file)?.facts;
  return facts === undefined ? null : (JSON.parse(facts) as DatasetFacts);
}

/** A file as the API shows it; one from before its facts were recorded has none. */
export function fileOf(db: Database, row: FileRow): FileObject {
  const dataset = factsOf(db, row.id);
  return {
    id: row.id,
    object: "file",
    bytes: row.bytes,
    created_at: row.created_at,
    filename: row.filename,
    purpose: row.purpose ?? (row.job === null ? "fine-tune" : "fine-tune-results"),
    status: "processed",
    status_details: dataset === null ? null : datasetSentence(dataset),
    expires_at: null,
    dataset,
  };
}

/** An upload that may begin: the file's id and the key for its bytes. */
export interface NewFile {
  readonly id: string;
  readonly key: string;
}

/** The tenant's datasets, and the result files of its jobs. */
export const files = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS files (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, blob TEXT NOT NULL,
      filename TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, format TEXT NOT NULL, lines INTEGER NOT NULL,
      trainable INTEGER NOT NULL, created_at INTEGER NOT NULL)`,
    "ALTER TABLE files ADD COLUMN job TEXT",
    "CREATE TABLE IF NOT EXISTS file_facts (file TEXT PRIMARY KEY, facts TEXT NOT NULL)",
    "ALTER TABLE files ADD COLUMN purpose TEXT",
  ],
  open: ({ db, now, rearm, newId, tenant, requireFileUnused }) => ({
    calls: {
      /** Records an upload that is about to begin. */
      async begin(): Promise<NewFile> {
        const id = newId("file");
        const key = `tenants/${tenant().id}/files/${id}.jsonl`;
        db.transaction(() => beginFile(db, { id, blob: key }, now()));
        await rearm();
        return { id, key };
      },

      finish: (id: string, facts: FileFacts, key: Idempotency | null): FileObject =>
        db.transaction(() => {
          const file = finishFile(db, id, facts, now());
          settleCreation(db, key, file);
          return file;
        }),

      /** Finishes a file that was made of judgements; the reply also says what came of them. */
      finishExport: (
        id: string,
        facts: FileFacts,
        { report, key }: { readonly report: ExportReport; readonly key: Idempotency | null },
      ): FileObject & { export: ExportReport } =>
        db.transaction(() => {
          const file = { ...finishFile(db, id, facts, now()), export: report };
          settleCreation(db, key, file);
          return file;
        }),

      /** Finishes a file of what stays of another; the reply also says what was dropped. */
      finishFix: (
        id: string,
        facts: FileFacts,
        { report, key }: { readonly report: DatasetFix; readonly key: Idempotency | null },
      ): DatasetFix =>
        db.transaction(() => {
          finishFile(db, id, facts, now());
          const fixed = { ...report, result: id };
          settleCreation(db, key, fixed);
          return fixed;
        }),

      /** Abandons a failed upload. */
      async drop(id: string): Promise<void> {
        db.transaction(() => dropPendingFile(db, id, now()));
        await rearm();
      },

      list: (page: FilePage): ListOf<FileObject> => listFiles(db, page),

      get: (id: string): FileObject => fileOf(db, requireFile(db, id, "file_id")),

      /** Where a file's bytes lie. */
      source: (id: string): NamedSource => sourceOf(requireFile(db, id, "file_id")),

      /** Where the bytes of a job's result file of that name lie, the newest if there are several; null without one. */
      ofJob(job: string, filename: string): NamedSource | null {
        const where = "job = ? AND filename = ? AND state = 'ready'";
        const row = db.get<FileRow>(`SELECT * FROM files WHERE ${where} ORDER BY n DESC LIMIT 1`, job, filename);
        return row === undefined ? null : sourceOf(row);
      },

      /**
       * Where the bytes of a file to train on lie, and of which of the kinds it is.
       *
       * @throws TrimtabError not_found, or invalid_request for a file that holds a job's results or is of another kind.
       */
      dataset(id: string, needed: NeededDataset): NamedSource & DatasetUse {
        const row = requireDataset(db, id, needed);
        return { ...sourceOf(row), kind: row.kind, ...lineFormatOf(db, id) };
      },

      async delete(id: string): Promise<Deleted> {
        const deleted = db.transaction(() => {
          requireFile(db, id, "file_id");
          requireFileUnused(id);
          return deleteFile(db, id, now());
        });
        await rearm();
        return deleted;
      },
    },
    // Follows the blob sweep, which decides when it is due.
    duty: { run: () => sweepPendingFiles(db), next: () => null },
  }),
});
