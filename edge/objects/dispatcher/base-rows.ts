/** The base models that every tenant can use. A base is announced with its files' digests, uploaded, checked, and then immutable. */
import type { BaseModel, CreateBase } from "../../../shared/api/admin.ts";
import { checkFileList, type StoredFile } from "../../../shared/api/artefacts.ts";
import type { ListOf, Page } from "../../../shared/api/lists.ts";
import { contextFields, type Model } from "../../../shared/api/models.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import type { StoredFolder } from "../../blobs/stored-folder.ts";
import { servedPositions } from "../../runtime/memory-plan.ts";
import { doomBlob, readyBlob, reserveBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";
import { pageOf } from "../page.ts";
import { deleteBaseArtefacts } from "./base-artefact-rows.ts";
import { jobsOnBase } from "./queue-rows.ts";

interface BaseRow {
  readonly id: string;
  readonly status: "pending" | "ready";
  readonly digest: string;
  readonly files: string;
  readonly config: string | null;
  readonly created_at: number;
}

/** A base that can be used; `config` is its config.json. */
export interface ReadyBase extends StoredFolder {
  readonly id: string;
  readonly config: unknown;
}

export function basePrefix(id: string, digest: string): string {
  return `bases/${id}/${digest}/`;
}

/**
 * Announces a base. The same base again is left as it is; another list of files replaces a base that was not finished.
 *
 * @throws TrimtabError conflict where a finished base of that name has other files.
 */
export function announceBase(db: Database, base: CreateBase & { digest: string }, now: number): BaseModel {
  checkFileList("model", base.files, "files");
  const row = findBase(db, base.id);
  // A digest leaves the probes out: those of a finished base stay as they are.
  const isSame = row?.digest === base.digest && (row.status === "ready" || row.files === JSON.stringify(base.files));
  if (isSame) return baseModelOf(db, row);
  if (row?.status === "ready") {
    throw new TrimtabError("conflict", `A base model ${base.id} with other files exists. Choose another id.`, {
      param: "id",
    });
  }
  if (row !== undefined) dropBase(db, row.id, now);
  db.run(
    "INSERT INTO bases (id, status, digest, files, created_at) VALUES (?, 'pending', ?, ?, ?)",
    base.id,
    base.digest,
    JSON.stringify(base.files),
    seconds(now),
  );
  const prefix = basePrefix(base.id, base.digest);
  for (const file of base.files) reserveBlob(db, prefix + file.name, now);
  return baseModelOf(db, requireBase(db, base.id));
}

/** Where an announced file goes, and what it must be. */
export function announcedFile(db: Database, id: string, name: string): StoredFile & { key: string; ready: boolean } {
  const row = requireBase(db, id);
  const file = filesOf(row).find((candidate) => candidate.name === name);
  if (file === undefined) {
    throw new TrimtabError("not_found", `The base model ${id} was announced without a file ${JSON.stringify(name)}.`, {
      param: "name",
    });
  }
  return { ...file, key: basePrefix(id, row.digest) + name, ready: row.status === "ready" };
}

export function noteUpload(db: Database, id: string, name: string): void {
  db.run("INSERT OR IGNORE INTO base_uploads (base, name) VALUES (?, ?)", id, name);
}

export function finishBase(
  db: Database,
  id: string,
  checked: { digest: string; config: unknown },
  now: number,
): BaseModel {
  const row = requireBase(db, id);
  if (row.digest !== checked.digest) {
    throw new TrimtabError("conflict", `The base model ${id} was announced again in the meantime. Publish it again.`);
  }
  db.run("UPDATE bases SET status = 'ready', config = ? WHERE id = ?", JSON.stringify(checked.config), id);
  const prefix = basePrefix(id, row.digest);
  for (const file of filesOf(row)) readyBlob(db, prefix + file.name, now);
  return baseModelOf(db, requireBase(db, id));
}

/** Forgets a base that was not finished; its bytes are swept. */
export function dropBase(db: Database, id: string, now: number): void {
  const row = findBase(db, id);
  if (row !== undefined && row.status !== "ready") forgetBase(db, row, now);
}

/**
 * Forgets a base, finished or not; its bytes are swept.
 *
 * @throws TrimtabError model_not_found for an unknown base, conflict while jobs that are queued, running or paused train on it.
 */
export function deleteBase(db: Database, id: string, now: number): void {
  const row = requireBase(db, id);
  const jobs = jobsOnBase(db, id);
  if (jobs.length > 0) {
    const names = jobs.map(({ job, paused }) => (paused ? `${job} (paused)` : job));
    const [named, more] = [names.slice(0, 5).join(", "), names.length > 5 ? ` and ${names.length - 5} more` : ""];
    throw new TrimtabError(
      "conflict",
      `Jobs train on the base model ${id}: ${named}${more}. Cancel them or wait for their end, then delete it.`,
      { param: "id" },
    );
  }
  forgetBase(db, row, now);
}

function forgetBase(db: Database, row: BaseRow, now: number): void {
  const prefix = basePrefix(row.id, row.digest);
  for (const file of filesOf(row)) doomBlob(db, prefix + file.name, now);
  deleteBaseArtefacts(db, row.id, now);
  db.run("DELETE FROM base_uploads WHERE base = ?", row.id);
  db.run("DELETE FROM bases WHERE id = ?", row.id);
}

/** Drops the records of bases whose bytes the blob sweep has given up on. */
export function sweepPendingBases(db: Database, now: number): void {
  for (const row of db.all<BaseRow>("SELECT * FROM bases WHERE status = 'pending'")) {
    const prefix = basePrefix(row.id, row.digest);
    const swept = filesOf(row).some(
      (file) => db.get("SELECT 1 FROM blobs WHERE key = ? AND state = 'pending'", prefix + file.name) === undefined,
    );
    if (swept) dropBase(db, row.id, now);
  }
}

export function readyBase(db: Database, id: string): ReadyBase | undefined {
  const row = findBase(db, id);
  if (row?.status !== "ready") return undefined;
  const config = JSON.parse(row.config ?? "null") as unknown;
  return { id: row.id, digest: row.digest, prefix: basePrefix(row.id, row.digest), files: filesOf(row), config };
}

/** The digest of each base that can be used, by id. */
export function readyDigests(db: Database): Record<string, string> {
  const rows = db.all<Pick<BaseRow, "id" | "digest">>("SELECT id, digest FROM bases WHERE status = 'ready'");
  return Object.fromEntries(rows.map(({ id, digest }) => [id, digest]));
}

export function listBases(db: Database): Model[] {
  return db.all<BaseRow>("SELECT * FROM bases WHERE status = 'ready' ORDER BY n DESC").map((row) => {
    return {
      id: row.id,
      object: "model",
      created: row.created_at,
      owned_by: "trimtab",
      root: row.id,
      parent: null,
      base_status: "available",
      ...contextFields(contextLength(JSON.parse(row.config ?? "null"))),
    };
  });
}

/** Positions of a model's context as it is served, by its config.json. A base stays listed even if this version no longer reads its config. */
function contextLength(config: unknown): number | null {
  try {
    return servedPositions(parseModelConfig(config));
  } catch {
    return null;
  }
}

/** Bases of every status, newest first. */
export function baseModels(db: Database, page: Page): ListOf<BaseModel> {
  return pageOf(db, { table: "bases" }, page, (row: BaseRow) => baseModelOf(db, row));
}

export function requireBaseModel(db: Database, id: string): BaseModel {
  return baseModelOf(db, requireBase(db, id));
}

function findBase(db: Database, id: string): BaseRow | undefined {
  return db.get<BaseRow>("SELECT * FROM bases WHERE id = ?", id);
}

function requireBase(db: Database, id: string): BaseRow {
  const row = findBase(db, id);
  if (row === undefined) {
    throw new TrimtabError(
      "model_not_found",
      `There is no base model ${JSON.stringify(id)}. POST /v1/admin/models adds one.`,
      {
        param: "id",
      },
    );
  }
  return row;
}

function filesOf(row: BaseRow): StoredFile[] {
  return JSON.parse(row.files) as StoredFile[];
}

function baseModelOf(db: Database, row: BaseRow): BaseModel {
  const uploads = new Set(
    db.all<{ name: string }>("SELECT name FROM base_uploads WHERE base = ?", row.id).map(({ name }) => name),
  );
  return {
    id: row.id,
    object: "base_model",
    created_at: row.created_at,
    digest: row.digest,
    status: row.status,
    files: filesOf(row).map((file) => ({ ...file, uploaded: uploads.has(file.name) })),
  };
}
