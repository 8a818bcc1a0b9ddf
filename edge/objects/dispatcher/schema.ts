import { createBlobTable } from "../blob-ledger.ts";
import type { Database } from "../database.ts";
import { createIdempotencyTable } from "../idempotency.ts";

const TABLES = [
  `CREATE TABLE IF NOT EXISTS queue (
    n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, executor TEXT, state TEXT NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0, trainer TEXT, lease_seconds INTEGER NOT NULL DEFAULT 0, lease_until INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0)`,
  "CREATE TABLE IF NOT EXISTS trainers (id TEXT PRIMARY KEY, executors TEXT NOT NULL, seen_at INTEGER NOT NULL)",
  "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
  `CREATE TABLE IF NOT EXISTS tenants (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS bases (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, digest TEXT NOT NULL, files TEXT NOT NULL,
    config TEXT, created_at INTEGER NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS base_uploads (base TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (base, name))",
] as const;

export function createDispatcherTables(db: Database): void {
  for (const statement of TABLES) db.run(statement);
  createBlobTable(db);
  createIdempotencyTable(db);
}
