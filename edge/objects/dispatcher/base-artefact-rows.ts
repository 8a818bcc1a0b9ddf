/** Files that trainers compute from a base alone and keep beside it; see `shared/api/base-artefacts/registry.ts`. */
import { BASE_ARTEFACT_KINDS, type BaseArtefactKindName } from "../../../shared/api/base-artefacts/registry.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { BlobSource } from "../../blobs/blob-source.ts";
import { doomBlob, dropReservation, readyBlob, reserveBlob } from "../blob-ledger.ts";
import { type Database, seconds } from "../database.ts";

/** One file of one version of a base. */
export interface BaseArtefact {
  readonly base: string;
  /** Of the base. */
  readonly digest: string;
  readonly name: string;
}

/** A file whose bytes lie in the store. */
export interface StoredBaseArtefact extends BaseArtefact {
  /** The key of its bytes. */
  readonly blob: string;
  readonly bytes: number;
  readonly sha256: string;
}

export const BASE_ARTEFACTS_TABLE = `CREATE TABLE IF NOT EXISTS base_artefacts (
  base TEXT NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL, blob TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
  created_at INTEGER NOT NULL, PRIMARY KEY (base, digest, name))`;

/** Where a file's bytes lie; undefined if there is none. */
export function findBaseArtefact(db: Database, { base, digest, name }: BaseArtefact): BlobSource | undefined {
  const row = db.get<StoredBaseArtefact>(
    "SELECT * FROM base_artefacts WHERE base = ? AND digest = ? AND name = ?",
    base,
    digest,
    name,
  );
  return row && { key: row.blob, bytes: row.bytes, sha256: row.sha256 };
}

/** Where the files of a kind lie, the oldest first. */
export function baseArtefactsOfKind(
  db: Database,
  { base, digest, kind }: Omit<BaseArtefact, "name"> & { readonly kind: BaseArtefactKindName },
): BlobSource[] {
  return db
    .all<StoredBaseArtefact>("SELECT * FROM base_artefacts WHERE base = ? AND digest = ? ORDER BY rowid", base, digest)
    .filter(({ name }) => BASE_ARTEFACT_KINDS[kind].name.test(name))
    .map(({ blob, bytes, sha256 }) => ({ key: blob, bytes, sha256 }));
}

/** The key for the bytes of a new file, with `id` to tell it from others; undefined if there is one of that name, which stays. */
export function beginBaseArtefact(
  db: Database,
  file: BaseArtefact & { readonly id: string },
  now: number,
): string | undefined {
  if (findBaseArtefact(db, file) !== undefined) return undefined;
  requireBaseVersion(db, file);
  const key = `bases/${file.base}/${file.digest}/artefacts/${file.id}/${file.name}`;
  reserveBlob(db, key, now);
  return key;
}

/** Keeps a file whose bytes are stored. Returns false for one that another trainer stored meanwhile, which stays. */
export function keepBaseArtefact(db: Database, file: StoredBaseArtefact, now: number): boolean {
  requireBaseVersion(db, file);
  if (findBaseArtefact(db, file) !== undefined) {
    dropReservation(db, file.blob, now);
    return false;
  }
  db.run(
    "INSERT INTO base_artefacts (base, digest, name, blob, bytes, sha256, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    file.base,
    file.digest,
    file.name,
    file.blob,
    file.bytes,
    file.sha256,
    seconds(now),
  );
  readyBlob(db, file.blob, now);
  return true;
}

/** Deletes all files of a base; their bytes are swept. */
export function deleteBaseArtefacts(db: Database, base: string, now: number): void {
  for (const { blob } of db.all<StoredBaseArtefact>("SELECT * FROM base_artefacts WHERE base = ?", base))
    doomBlob(db, blob, now);
  db.run("DELETE FROM base_artefacts WHERE base = ?", base);
}

function requireBaseVersion(db: Database, { base, digest }: BaseArtefact): void {
  if (db.get("SELECT 1 FROM bases WHERE id = ? AND digest = ? AND status = 'ready'", base, digest) !== undefined)
    return;
  const message = `There is no base model ${base} of the version ${digest.slice(0, 12)}… any more.`;
  throw new TrimtabError("not_found", message, { param: "base" });
}
