import type { ChangeScorer, CreateScorer, Scorer } from "../../../shared/api/steering-scorers.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { ScorerTarget } from "../../scoring/target.ts";
import { type Database, seconds } from "../database.ts";

export interface ScorerRow {
  /** The name. */
  readonly id: string;
  readonly url: string;
  /** In the clear, because calls are signed with it; only `ScorerTarget` carries it, and no reply. */
  readonly secret: string | null;
  readonly description: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export const SCORER_TABLE = `CREATE TABLE IF NOT EXISTS scorers (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, url TEXT NOT NULL, secret TEXT, description TEXT,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)`;

export function findScorer(db: Database, id: string): ScorerRow | undefined {
  return db.get<ScorerRow>("SELECT * FROM scorers WHERE id = ?", id);
}

/** @throws TrimtabError not_found */
export function requireScorer(db: Database, id: string, param = "scorer"): ScorerRow {
  const row = findScorer(db, id);
  if (row !== undefined) return row;
  const message = `There is no scorer ${JSON.stringify(id)}. GET /v1/steering/scorers lists those there are.`;
  throw new TrimtabError("not_found", message, { param });
}

/** A scorer as it is called, with its secret: for the server itself, never for a reply. Throws as `requireScorer` does. */
export function scorerTarget(
  db: Database,
  { tenant, name }: { readonly tenant: string; readonly name: string },
  param: string,
): ScorerTarget {
  const { url, secret } = requireScorer(db, name, param);
  return { tenant, name, url, secret };
}

/** @throws TrimtabError conflict if the name is taken or the tenant has the maximum number of scorers. */
export function addScorer(db: Database, { name, url, secret, description }: CreateScorer, now: number): ScorerRow {
  if (findScorer(db, name) !== undefined) {
    const message = `The scorer ${name} exists already. PATCH /v1/steering/scorers/${name} changes it.`;
    throw new TrimtabError("conflict", message, { param: "name" });
  }
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM scorers")?.count ?? 0;
  if (count >= LIMITS.scorersPerTenant) {
    throw new TrimtabError("conflict", `A tenant has at most ${LIMITS.scorersPerTenant} scorers. Delete one first.`);
  }
  db.run(
    "INSERT INTO scorers (id, url, secret, description, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
    name,
    url,
    secret ?? null,
    description ?? null,
    seconds(now),
    seconds(now),
  );
  return requireScorer(db, name);
}

/** What is left out stays; null takes away. */
export function changeScorer(db: Database, id: string, change: ChangeScorer, now: number): ScorerRow {
  const before = requireScorer(db, id);
  const { url = before.url, secret = before.secret, description = before.description } = change;
  db.run(
    "UPDATE scorers SET url = ?, secret = ?, description = ?, updated_at = ? WHERE id = ?",
    url,
    secret,
    description,
    seconds(now),
    id,
  );
  return requireScorer(db, id);
}

export function dropScorer(db: Database, id: string): void {
  requireScorer(db, id);
  db.run("DELETE FROM scorers WHERE id = ?", id);
}

export function shownScorer({ id, url, secret, description, created_at, updated_at }: ScorerRow): Scorer {
  const has_secret = secret !== null;
  return { id, object: "steering.scorer", name: id, url, description, has_secret, created_at, updated_at };
}
