/**
 * How far the versions of deleted names had counted. A name that is used again counts on from there, so that `calm@1` never means
 * two things: jobs, moves of aliases and people keep such references after the deletion.
 */
import type { Database } from "../database.ts";

export const LAST_VERSIONS_TABLE = `CREATE TABLE IF NOT EXISTS last_versions (
  kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (kind, name))`;

/** Each kind has names of its own. */
export type VersionedKind = "constitution" | "preset";

/** The last version that a deleted name has had; 0 for a name that is new. */
export function lastVersion(db: Database, kind: VersionedKind, name: string): number {
  const row = db.get<{ version: number }>("SELECT version FROM last_versions WHERE kind = ? AND name = ?", kind, name);
  return row?.version ?? 0;
}

/** Remembers the newest version of a name. To be called in the transaction that deletes it. */
export function keepLastVersion(
  db: Database,
  kind: VersionedKind,
  { id, version }: { readonly id: string; readonly version: number },
): void {
  db.run("INSERT OR REPLACE INTO last_versions (kind, name, version) VALUES (?, ?, ?)", kind, id, version);
}
