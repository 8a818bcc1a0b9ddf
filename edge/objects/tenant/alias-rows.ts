/**
 * Rows of aliases. An alias is a name and its newest move. A move records what the alias pointed to from then on and
 * which version a rollback from there returns to, so that rolling back twice goes back two versions.
 */
import type { Alias, AliasMove } from "../../../shared/api/aliases.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";

export interface AliasRow {
  readonly id: string;
  readonly created_at: number;
  /** The version in force. */
  readonly version: number;
}

export interface MoveRow {
  readonly id: string;
  readonly alias: string;
  readonly version: number;
  readonly model: string;
  /** The preset that steers requests without a `steering` of their own; null for none. */
  readonly steering: string | null;
  readonly made_by: AliasMove["by"];
  /** The version that a rollback returns to; null if there is none. */
  readonly returns_to: number | null;
  readonly created_at: number;
}

export const ALIAS_TABLES = [
  `CREATE TABLE IF NOT EXISTS aliases (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, version INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS alias_moves (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, alias TEXT NOT NULL, version INTEGER NOT NULL,
    model TEXT NOT NULL, made_by TEXT NOT NULL, returns_to INTEGER, created_at INTEGER NOT NULL, UNIQUE (alias, version))`,
  "ALTER TABLE alias_moves ADD COLUMN steering TEXT",
];

const IN_FORCE = "aliases JOIN alias_moves ON alias_moves.alias = aliases.id AND alias_moves.version = aliases.version";

/** What an alias points to; undefined if the name is not an alias. */
export function aliasTarget(db: Database, name: string): string | undefined {
  return db.get<{ model: string }>(
    `SELECT model FROM alias_moves JOIN aliases ON alias_moves.alias = aliases.id AND alias_moves.version = aliases.version
     WHERE aliases.id = ?`,
    name,
  )?.model;
}

/** The preset that an alias is steered by; undefined if the name is not an alias, or the alias has none. */
export function aliasSteering(db: Database, name: string): string | undefined {
  const row = db.get<{ steering: string | null }>(
    `SELECT alias_moves.steering FROM ${IN_FORCE} WHERE aliases.id = ?`,
    name,
  );
  return row?.steering ?? undefined;
}

/** One of the aliases that are steered by a preset, in any version. */
export function aliasSteeredBy(db: Database, preset: string): string | undefined {
  return db.get<{ id: string }>(
    `SELECT aliases.id FROM ${IN_FORCE} WHERE alias_moves.steering = ?1 OR alias_moves.steering GLOB ?1 || '@*' LIMIT 1`,
    preset,
  )?.id;
}

/** The versions of presets that aliases name by their number, such as `calm@3`. */
export function pinnedReferences(db: Database): string[] {
  return db
    .all<{ steering: string }>(`SELECT alias_moves.steering FROM ${IN_FORCE} WHERE alias_moves.steering LIKE '%@%'`)
    .map(({ steering }) => steering);
}

/** One of the aliases that point to a model. */
export function aliasOf(db: Database, model: string): string | undefined {
  return db.get<{ id: string }>(
    `SELECT aliases.id FROM aliases JOIN alias_moves ON alias_moves.alias = aliases.id AND alias_moves.version = aliases.version
     WHERE alias_moves.model = ? LIMIT 1`,
    model,
  )?.id;
}

/** @throws TrimtabError not_found */
export function requireAlias(db: Database, id: string): AliasRow {
  const row = db.get<AliasRow>("SELECT * FROM aliases WHERE id = ?", id);
  if (row !== undefined) return row;
  throw new TrimtabError(
    "not_found",
    `There is no alias ${JSON.stringify(id)}. GET /v1/aliases lists those there are.`,
    {
      param: "alias",
    },
  );
}

/** @throws TrimtabError not_found for a version that the alias never had, or one that is no longer kept. */
export function requireMove(db: Database, alias: string, version: number): MoveRow {
  const row = db.get<MoveRow>("SELECT * FROM alias_moves WHERE alias = ? AND version = ?", alias, version);
  if (row !== undefined) return row;
  const message = `The alias ${JSON.stringify(alias)} has no version ${version}. GET /v1/aliases/${alias}/history lists them.`;
  throw new TrimtabError("not_found", message, { param: "version" });
}

/** @throws TrimtabError conflict if the name is taken or the tenant has the maximum number of aliases. */
export function addAlias(
  db: Database,
  { id, model, steering }: Pick<MoveRow, "id" | "model" | "steering">,
  now: number,
): AliasRow {
  if (db.get("SELECT 1 FROM aliases WHERE id = ?", id) !== undefined) {
    const message = `The alias ${JSON.stringify(id)} exists already. POST /v1/aliases/${id} moves it.`;
    throw new TrimtabError("conflict", message, { param: "id" });
  }
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM aliases")?.count ?? 0;
  if (count >= LIMITS.aliasesPerTenant) {
    throw new TrimtabError("conflict", `A tenant has at most ${LIMITS.aliasesPerTenant} aliases. Delete one first.`);
  }
  db.run("INSERT INTO aliases (id, created_at, version) VALUES (?, ?, 0)", id, seconds(now));
  return moveAlias(db, { alias: id, model, steering, made_by: "create", returns_to: null }, now);
}

/** Points an alias to a model and a preset together, and deletes its oldest moves. */
export function moveAlias(
  db: Database,
  move: Pick<MoveRow, "alias" | "model" | "steering" | "made_by" | "returns_to">,
  now: number,
): AliasRow {
  const version = requireAlias(db, move.alias).version + 1;
  db.run(
    `INSERT INTO alias_moves (id, alias, version, model, steering, made_by, returns_to, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    `${move.alias}@${version}`,
    move.alias,
    version,
    move.model,
    move.steering,
    move.made_by,
    move.returns_to,
    seconds(now),
  );
  db.run("UPDATE aliases SET version = ? WHERE id = ?", version, move.alias);
  db.run("DELETE FROM alias_moves WHERE alias = ? AND version <= ?", move.alias, version - LIMITS.aliasMoves);
  return requireAlias(db, move.alias);
}

export function dropAlias(db: Database, id: string): void {
  requireAlias(db, id);
  db.run("DELETE FROM alias_moves WHERE alias = ?", id);
  db.run("DELETE FROM aliases WHERE id = ?", id);
}

/** The move that a rollback from a version returns to; undefined if there is none, or it is no longer kept. */
export function moveBefore(db: Database, { id, version }: AliasRow): MoveRow | undefined {
  const { returns_to: before } = requireMove(db, id, version);
  if (before === null) return undefined;
  return db.get<MoveRow>("SELECT * FROM alias_moves WHERE alias = ? AND version = ?", id, before);
}

export function shownAlias(db: Database, row: AliasRow): Alias {
  const { model, steering } = requireMove(db, row.id, row.version);
  const before = moveBefore(db, row);
  return {
    id: row.id,
    object: "alias",
    created_at: row.created_at,
    model,
    steering,
    version: row.version,
    previous_model: before?.model ?? null,
    previous_steering: before?.steering ?? null,
  };
}

export function shownMove({ id, version, model, steering, made_by: by, created_at }: MoveRow): AliasMove {
  return { id, object: "alias.move", version, model, steering, by, created_at };
}
