import type { Key } from "../../../shared/api/admin.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Database, seconds } from "../database.ts";
import { claim, type Idempotency, settle } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";

interface KeyRow {
  readonly id: string;
  readonly name: string | null;
  readonly hash: string;
  readonly hint: string;
  readonly created_at: number;
}

export interface NewKey {
  readonly id: string;
  readonly name: string | null;
  readonly hash: string;
  /** The last characters of the secret, so that its owner recognises it. */
  readonly hint: string;
}

/** The hash under which a secret is kept. Secrets are 256 random bits, so a slow hash would protect nothing. */
export function hashSecret(secret: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(secret));
}

/** Stores a key by its hash. The same hash again is the same key, from a repeated request. */
export function addKey(db: Database, key: NewKey, now: number): Key {
  const known = db.get<KeyRow>("SELECT * FROM keys WHERE hash = ?", key.hash);
  if (known !== undefined) return keyOf(known);
  const count = db.get<{ count: number }>("SELECT count(*) AS count FROM keys")?.count ?? 0;
  if (count >= LIMITS.keysPerTenant) {
    throw new TrimtabError("conflict", `A tenant has at most ${LIMITS.keysPerTenant} keys. Revoke one first.`);
  }
  const row: KeyRow = { ...key, created_at: seconds(now) };
  db.run(
    "INSERT INTO keys (id, name, hash, hint, created_at) VALUES (?, ?, ?, ?, ?)",
    row.id,
    row.name,
    row.hash,
    row.hint,
    row.created_at,
  );
  return keyOf(row);
}

/** Whether one of the tenant's keys has this hash. Compares every key, each in constant time. */
export function isKey(db: Database, hash: string): boolean {
  const given = new TextEncoder().encode(hash);
  let found = false;
  for (const row of db.all<{ hash: string }>("SELECT hash FROM keys")) {
    const kept = new TextEncoder().encode(row.hash);
    if (kept.byteLength === given.byteLength && crypto.subtle.timingSafeEqual(kept, given)) found = true;
  }
  return found;
}

export function listKeys(db: Database, page: Page): ListOf<Key> {
  return pageOf(db, { table: "keys" }, page, keyOf);
}

export function revokeKey(db: Database, id: string): void {
  if (db.change("DELETE FROM keys WHERE id = ?", id) === 0) {
    throw new TrimtabError("not_found", `There is no key ${JSON.stringify(id)}.`, { param: "key" });
  }
}

function keyOf(row: KeyRow): Key {
  return { id: row.id, object: "key", name: row.name, created_at: row.created_at, hint: row.hint };
}

/** The tenant's API keys, stored as hashes. */
export const keys = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS keys (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, hash TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
      created_at INTEGER NOT NULL)`,
  ],
  open: ({ db, now, newId, requireCreated }) => ({
    calls: {
      add(key: Omit<NewKey, "id">): Key {
        requireCreated();
        return db.transaction(() => addKey(db, { ...key, id: newId("key") }, now()));
      },

      /** The salt that belongs to an Idempotency-Key: `salt` the first time, the same one afterwards. */
      salt(request: Idempotency, salt: string): string {
        requireCreated();
        return db.transaction(() => {
          const before = claim(db, { ...request, staleMs: 0 }, { now: now(), life: null });
          if (before === undefined) settle(db, request, { status: 200, body: salt });
          return before?.body ?? salt;
        });
      },

      list(page: Page): ListOf<Key> {
        requireCreated();
        return listKeys(db, page);
      },

      revoke(id: string): Deleted {
        requireCreated();
        revokeKey(db, id);
        return { id, object: "key", deleted: true };
      },
    },
  }),
});
