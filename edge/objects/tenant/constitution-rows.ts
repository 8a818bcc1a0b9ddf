/** Rows of constitutions. A constitution is a name and its newest version; a version never changes. */
import {
  type Constitution,
  type ConstitutionContent,
  type ConstitutionVersion,
  type InlineConstitution,
  parseConstitutionReference,
} from "../../../shared/api/constitutions.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { keepLastVersion, LAST_VERSIONS_TABLE, lastVersion } from "./last-versions.ts";

export interface ConstitutionRow {
  /** The name. */
  readonly id: string;
  readonly created_at: number;
  /** The newest version. */
  readonly version: number;
}

export interface ConstitutionVersionRow {
  readonly id: string;
  readonly constitution: string;
  readonly version: number;
  /** Characters of `content`. Before it in the row, so that summing them up reads no texts. */
  readonly length: number;
  /** JSON of the principles, examples and label prompt. */
  readonly content: string;
  readonly description: string | null;
  readonly created_at: number;
}

export const CONSTITUTION_TABLES = [
  `CREATE TABLE IF NOT EXISTS constitutions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, version INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS constitution_versions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, constitution TEXT NOT NULL, version INTEGER NOT NULL,
    length INTEGER NOT NULL, content TEXT NOT NULL, description TEXT, created_at INTEGER NOT NULL,
    UNIQUE (constitution, version))`,
  LAST_VERSIONS_TABLE,
];

/** @throws TrimtabError not_found */
export function requireConstitution(db: Database, id: string, param = "constitution"): ConstitutionRow {
  const row = db.get<ConstitutionRow>("SELECT * FROM constitutions WHERE id = ?", id);
  if (row !== undefined) return row;
  const message = `There is no constitution ${JSON.stringify(id)}. GET /v1/constitutions lists those there are.`;
  throw new TrimtabError("not_found", message, { param });
}

/** @throws TrimtabError not_found for a version that there never was, or one that is no longer kept. */
export function requireConstitutionVersion(
  db: Database,
  { id, version }: Pick<ConstitutionRow, "id" | "version">,
  param = "constitution",
): ConstitutionVersionRow {
  const row = db.get<ConstitutionVersionRow>(
    "SELECT * FROM constitution_versions WHERE constitution = ? AND version = ?",
    id,
    version,
  );
  if (row !== undefined) return row;
  const message = `The constitution ${id} has no version ${version}. GET /v1/constitutions/${id}/versions lists them.`;
  throw new TrimtabError("not_found", message, { param });
}

/** The version that `kindness` or `kindness@3` means now. @throws TrimtabError not_found */
export function requireConstitutionReference(db: Database, reference: string, param: string): ConstitutionVersionRow {
  const { name, version } = parseConstitutionReference(reference) ?? { name: reference, version: null };
  const row = requireConstitution(db, name, param);
  return requireConstitutionVersion(db, { id: name, version: version ?? row.version }, param);
}

/** @throws TrimtabError conflict if the name is taken or the tenant has the maximum number of constitutions. */
export function addConstitution(
  db: Database,
  { name, content, description }: { name: string; content: string; description: string | null },
  now: number,
): ConstitutionRow {
  if (db.get("SELECT 1 FROM constitutions WHERE id = ?", name) !== undefined) {
    const message = `The constitution ${name} exists already. POST /v1/constitutions/${name} gives it a new version.`;
    throw new TrimtabError("conflict", message, { param: "name" });
  }
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM constitutions")?.count ?? 0;
  if (count >= LIMITS.constitutionsPerTenant) {
    const message = `A tenant has at most ${LIMITS.constitutionsPerTenant} constitutions. Delete one first.`;
    throw new TrimtabError("conflict", message);
  }
  const last = lastVersion(db, "constitution", name);
  db.run("INSERT INTO constitutions (id, created_at, version) VALUES (?, ?, ?)", name, seconds(now), last);
  return addConstitutionVersion(db, { constitution: name, content, description }, now);
}

/**
 * Gives a constitution a new version, and deletes the oldest ones.
 *
 * @throws TrimtabError conflict where the tenant's constitutions take up all their room.
 */
export function addConstitutionVersion(
  db: Database,
  row: Pick<ConstitutionVersionRow, "constitution" | "content" | "description">,
  now: number,
): ConstitutionRow {
  const { constitution, content, description } = row;
  const version = requireConstitution(db, constitution).version + 1;
  db.run(
    "DELETE FROM constitution_versions WHERE constitution = ? AND version <= ?",
    constitution,
    version - LIMITS.constitutionVersions,
  );
  const { used } = db.get<{ used: number }>("SELECT coalesce(sum(length), 0) AS used FROM constitution_versions")!;
  if (used + content.length > LIMITS.constitutionsLength) {
    const message = `The versions of your constitutions may have ${LIMITS.constitutionsLength} characters of JSON in all. Delete a constitution first.`;
    throw new TrimtabError("conflict", message, { param: "principles" });
  }
  db.run(
    `INSERT INTO constitution_versions (id, constitution, version, length, content, description, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    `${constitution}@${version}`,
    constitution,
    version,
    content.length,
    content,
    description,
    seconds(now),
  );
  db.run("UPDATE constitutions SET version = ? WHERE id = ?", version, constitution);
  return requireConstitution(db, constitution);
}

/** A constitution of that name that is made later counts its versions on. @throws TrimtabError not_found */
export function dropConstitution(db: Database, id: string): void {
  keepLastVersion(db, "constitution", requireConstitution(db, id));
  db.run("DELETE FROM constitution_versions WHERE constitution = ?", id);
  db.run("DELETE FROM constitutions WHERE id = ?", id);
}

/** The parts of a request that a version keeps, as they are stored: the same content is the same text. */
export function storedContent({ principles, examples, label_prompt }: ConstitutionContent): string {
  return JSON.stringify({ principles, examples, label_prompt });
}

const contentOf = ({ content }: ConstitutionVersionRow) => JSON.parse(content) as InlineConstitution;

export function shownConstitution(db: Database, row: ConstitutionRow): Constitution {
  const { id: _, object: _object, ...version } = shownConstitutionVersion(requireConstitutionVersion(db, row));
  const { id, created_at } = row;
  return { id, object: "constitution", name: id, ...version, created_at };
}

export function shownConstitutionVersion(row: ConstitutionVersionRow): ConstitutionVersion {
  const { id, version, description, created_at } = row;
  const { principles, examples = [], label_prompt = null } = contentOf(row);
  return { id, object: "constitution.version", version, principles, examples, label_prompt, description, created_at };
}

/** The copy that a job keeps, which is named after the version. */
export function copiedConstitution(row: ConstitutionVersionRow): InlineConstitution {
  return { name: row.id, ...contentOf(row) };
}
