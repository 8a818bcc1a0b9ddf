/**
 * Rows of steering presets. A preset is a name and the version in force; a version never changes. As with aliases, a version
 * records which one a rollback from it returns to.
 */
import type { Preset, PresetVersion } from "../../../shared/api/steering-presets.ts";
import { parseReference } from "../../../shared/api/steering-presets.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { pinnedReferences } from "./alias-rows.ts";
import { keepLastVersion, LAST_VERSIONS_TABLE, lastVersion } from "./last-versions.ts";

export interface PresetRow {
  /** The name. */
  readonly id: string;
  readonly created_at: number;
  /** The version in force. */
  readonly version: number;
}

export interface PresetVersionRow {
  readonly id: string;
  readonly preset: string;
  readonly version: number;
  /** Characters of `steering`. Before it in the row, so that summing them up reads no texts. */
  readonly length: number;
  /** JSON of a steering object. */
  readonly steering: string;
  readonly description: string | null;
  readonly made_by: PresetVersion["by"];
  readonly returns_to: number | null;
  readonly created_at: number;
}

export const PRESET_TABLES = [
  `CREATE TABLE IF NOT EXISTS presets (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, version INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS preset_versions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, preset TEXT NOT NULL, version INTEGER NOT NULL,
    length INTEGER NOT NULL, steering TEXT NOT NULL, description TEXT, made_by TEXT NOT NULL, returns_to INTEGER, created_at INTEGER NOT NULL,
    UNIQUE (preset, version))`,
  LAST_VERSIONS_TABLE,
];

/** @throws TrimtabError not_found */
export function requirePreset(db: Database, id: string, param = "preset"): PresetRow {
  const row = db.get<PresetRow>("SELECT * FROM presets WHERE id = ?", id);
  if (row !== undefined) return row;
  const message = `There is no steering preset ${JSON.stringify(id)}. GET /v1/steering/presets lists those there are.`;
  throw new TrimtabError("not_found", message, { param });
}

/** @throws TrimtabError not_found for a version that the preset never had, or one that is no longer kept. */
export function requireVersion(db: Database, preset: string, version: number, param = "version"): PresetVersionRow {
  const row = db.get<PresetVersionRow>(
    "SELECT * FROM preset_versions WHERE preset = ? AND version = ?",
    preset,
    version,
  );
  if (row !== undefined) return row;
  const message = `The steering preset ${preset} has no version ${version}. GET /v1/steering/presets/${preset}/history lists them.`;
  throw new TrimtabError("not_found", message, { param });
}

/** The version that `calm` or `calm@3` means now. @throws TrimtabError not_found */
export function requireReference(db: Database, reference: string, param: string): PresetVersionRow {
  const parsed = parseReference(reference);
  const { preset, version } = parsed ?? { preset: reference, version: null };
  const row = requirePreset(db, preset, param);
  return requireVersion(db, preset, version ?? row.version, param);
}

/** @throws TrimtabError conflict if the name is taken or the tenant has the maximum number of presets. */
export function addPreset(
  db: Database,
  { name, steering, description }: { name: string; steering: string; description: string | null },
  now: number,
): PresetRow {
  if (db.get("SELECT 1 FROM presets WHERE id = ?", name) !== undefined) {
    const message = `The steering preset ${name} exists already. POST /v1/steering/presets/${name} gives it a new version.`;
    throw new TrimtabError("conflict", message, { param: "name" });
  }
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM presets")?.count ?? 0;
  if (count >= LIMITS.presetsPerTenant) {
    const message = `A tenant has at most ${LIMITS.presetsPerTenant} steering presets. Delete one first.`;
    throw new TrimtabError("conflict", message);
  }
  const last = lastVersion(db, "preset", name);
  db.run("INSERT INTO presets (id, created_at, version) VALUES (?, ?, ?)", name, seconds(now), last);
  return addVersion(db, { preset: name, steering, description, made_by: "create", returns_to: null }, now);
}

/**
 * Gives a preset a new version, which is in force from then on, and deletes the oldest ones; not those that an alias in force
 * names by their number.
 *
 * @throws TrimtabError conflict where the tenant's presets take up all their room.
 */
export function addVersion(
  db: Database,
  row: Pick<PresetVersionRow, "preset" | "steering" | "description" | "made_by" | "returns_to">,
  now: number,
): PresetRow {
  const version = requirePreset(db, row.preset).version + 1;
  const pinned = new Set(pinnedReferences(db));
  for (const { id } of db.all<{ id: string }>(
    "SELECT id FROM preset_versions WHERE preset = ? AND version <= ?",
    row.preset,
    version - LIMITS.presetVersions,
  )) {
    if (!pinned.has(id)) db.run("DELETE FROM preset_versions WHERE id = ?", id);
  }
  const { used } = db.get<{ used: number }>("SELECT coalesce(sum(length), 0) AS used FROM preset_versions")!;
  if (used + row.steering.length > LIMITS.presetsLength) {
    const message = `The versions of your steering presets may have ${LIMITS.presetsLength} characters of JSON in all. Delete a preset first.`;
    throw new TrimtabError("conflict", message, { param: "steering" });
  }
  db.run(
    `INSERT INTO preset_versions (id, preset, version, length, steering, description, made_by, returns_to, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    `${row.preset}@${version}`,
    row.preset,
    version,
    row.steering.length,
    row.steering,
    row.description,
    row.made_by,
    row.returns_to,
    seconds(now),
  );
  db.run("UPDATE presets SET version = ? WHERE id = ?", version, row.preset);
  return requirePreset(db, row.preset);
}

/** A preset of that name that is made later counts its versions on. @throws TrimtabError not_found */
export function dropPreset(db: Database, id: string): void {
  keepLastVersion(db, "preset", requirePreset(db, id));
  db.run("DELETE FROM preset_versions WHERE preset = ?", id);
  db.run("DELETE FROM presets WHERE id = ?", id);
}

/** The version that a rollback returns to; undefined if there is none, or it is no longer kept. */
export function versionBefore(db: Database, { id, version }: PresetRow): PresetVersionRow | undefined {
  const { returns_to: before } = requireVersion(db, id, version);
  if (before === null) return undefined;
  return db.get<PresetVersionRow>("SELECT * FROM preset_versions WHERE preset = ? AND version = ?", id, before);
}

export function shownPreset(db: Database, row: PresetRow): Preset {
  const { steering, description } = requireVersion(db, row.id, row.version);
  return {
    id: row.id,
    object: "steering.preset",
    name: row.id,
    created_at: row.created_at,
    version: row.version,
    steering: JSON.parse(steering) as Preset["steering"],
    description,
    previous_version: versionBefore(db, row)?.version ?? null,
  };
}

export function shownVersion(row: PresetVersionRow): PresetVersion {
  const { id, version, description, made_by: by, created_at } = row;
  const steering = JSON.parse(row.steering) as PresetVersion["steering"];
  return { id, object: "steering.preset.version", version, steering, description, by, created_at };
}
