import { createBlobTable } from "../blob-ledger.ts";
import type { Database } from "../database.ts";
import { createIdempotencyTable } from "../idempotency.ts";

/** `n` orders every list: it grows with each row and is never used again. */
const TABLES = [
  `CREATE TABLE tenant (
    id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, requests_per_minute INTEGER NOT NULL, tokens_per_minute INTEGER NOT NULL)`,
  `CREATE TABLE keys (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT, hash TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
    created_at INTEGER NOT NULL)`,
  `CREATE TABLE files (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, blob TEXT NOT NULL,
    filename TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, format TEXT NOT NULL, lines INTEGER NOT NULL,
    trainable INTEGER NOT NULL, created_at INTEGER NOT NULL)`,
  `CREATE TABLE jobs (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, base TEXT NOT NULL, spec TEXT NOT NULL,
    created_at INTEGER NOT NULL, finished_at INTEGER, fence INTEGER NOT NULL DEFAULT 0, queued INTEGER NOT NULL DEFAULT 0,
    queueings INTEGER NOT NULL DEFAULT 0,
    fine_tuned_model TEXT, result TEXT, trained_tokens INTEGER, estimated_finish INTEGER, hyperparameters TEXT, error TEXT)`,
  `CREATE TABLE events (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, fence INTEGER, seq INTEGER, step INTEGER,
    created_at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL, data TEXT,
    UNIQUE (job, fence, seq))`,
  "CREATE INDEX events_of_job ON events (job, n)",
  "CREATE UNIQUE INDEX metrics_of_step ON events (job, step) WHERE type = 'metrics' AND step IS NOT NULL",
  `CREATE TABLE resume_states (
    job TEXT PRIMARY KEY, step INTEGER NOT NULL, blob TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL)`,
  `CREATE TABLE checkpoints (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL, step INTEGER NOT NULL, model TEXT NOT NULL,
    metrics TEXT NOT NULL, created_at INTEGER NOT NULL, UNIQUE (job, step))`,
  `CREATE TABLE artefacts (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, digest TEXT NOT NULL,
    base_id TEXT NOT NULL, base_digest TEXT NOT NULL, prefix TEXT NOT NULL, files TEXT NOT NULL, bytes INTEGER NOT NULL,
    manifest TEXT, job TEXT, created_at INTEGER NOT NULL, UNIQUE (kind, digest))`,
  `CREATE TABLE models (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, artefact TEXT NOT NULL, base_id TEXT NOT NULL,
    created_at INTEGER NOT NULL)`,
  `CREATE TABLE usage (
    day TEXT PRIMARY KEY, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    trained_tokens INTEGER NOT NULL)`,
] as const;

/** Makes the tables of a new tenant. An object that was only ever asked for has none and stores nothing. */
export function createTenantTables(db: Database): void {
  for (const statement of TABLES) db.run(statement);
  createBlobTable(db);
  createIdempotencyTable(db);
}
