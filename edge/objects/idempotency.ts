/**
 * Idempotency keys: the same key brings the same reply, errors of the server included, and the same key with another body is an
 * error. Every object that creates things keeps its own table; what an object creates and the reply about it are stored in one
 * transaction, so a reply that is lost on its way can be had again.
 */
import { TrimtabError } from "../../shared/errors.ts";
import type { Database } from "./database.ts";

/** How long a reply is kept. */
const KEPT_MS = 24 * 60 * 60 * 1000;

export interface Idempotency {
  readonly key: string;
  /** Digest of what was asked: method, path and body. */
  readonly fingerprint: string;
}

export interface StoredReply {
  readonly status: number;
  readonly body: string;
}

interface Row {
  readonly fingerprint: string;
  readonly status: number | null;
  readonly body: string | null;
  readonly started_at: number;
}

export function createIdempotencyTable(db: Database): void {
  db.run(`CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER, body TEXT, started_at INTEGER NOT NULL)`);
}

/**
 * Claims a key: undefined means that the caller goes ahead, a reply that it was all done before. A claim that never came to a
 * reply lapses after `staleMs`, since what it would have created is stored together with the reply.
 *
 * @throws TrimtabError idempotency_mismatch for another request under the key, conflict while the first one runs.
 */
export function claim(db: Database, asked: Idempotency & { staleMs: number }, now: number): StoredReply | undefined {
  const row = db.get<Row>("SELECT * FROM idempotency WHERE key = ?", asked.key);
  if (row !== undefined && now - row.started_at < KEPT_MS) {
    if (row.fingerprint !== asked.fingerprint) throw mismatch();
    if (row.status !== null) return { status: row.status, body: row.body ?? "" };
    if (now - row.started_at < asked.staleMs) {
      throw new TrimtabError(
        "conflict",
        "A request with this Idempotency-Key is still running. Wait for it, then ask again.",
      );
    }
  }
  db.run(
    "INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, started_at) VALUES (?, ?, NULL, NULL, ?)",
    asked.key,
    asked.fingerprint,
    now,
  );
  return undefined;
}

/** An upload's claim: what it was for is known only when its body has been read. */
export interface UploadClaim {
  readonly key: string;
  /** Names the claim until then; new for every request. */
  readonly provisional: string;
}

/** An upload that was done before under the same key, to be compared with the one that comes in. */
export interface DoneUpload {
  readonly fingerprint: string;
  readonly reply: StoredReply;
}

/**
 * Claims a key for an upload: undefined means that the caller goes ahead and says by `identifyUpload` what it read.
 *
 * @throws TrimtabError conflict while another upload runs under the key.
 */
export function claimUpload(
  db: Database,
  asked: UploadClaim & { staleMs: number },
  now: number,
): DoneUpload | undefined {
  const row = db.get<Row>("SELECT * FROM idempotency WHERE key = ?", asked.key);
  if (row !== undefined && row.status !== null && now - row.started_at < KEPT_MS) {
    return { fingerprint: row.fingerprint, reply: { status: row.status, body: row.body ?? "" } };
  }
  claim(db, { key: asked.key, fingerprint: row?.fingerprint ?? asked.provisional, staleMs: asked.staleMs }, now);
  db.run("UPDATE idempotency SET fingerprint = ? WHERE key = ?", asked.provisional, asked.key);
  return undefined;
}

export function identifyUpload(db: Database, claimed: UploadClaim, fingerprint: string): void {
  db.run(
    "UPDATE idempotency SET fingerprint = ? WHERE key = ? AND fingerprint = ?",
    fingerprint,
    claimed.key,
    claimed.provisional,
  );
}

/** Keeps the reply of a claimed key; the first one stays. */
export function settle(db: Database, asked: Idempotency, reply: StoredReply): void {
  db.run(
    "UPDATE idempotency SET status = ?, body = ? WHERE key = ? AND fingerprint = ? AND status IS NULL",
    reply.status,
    reply.body,
    asked.key,
    asked.fingerprint,
  );
}

/**
 * Keeps the reply about something that is being created, in the transaction that creates it.
 *
 * @throws TrimtabError conflict where another request under the key has come first, which undoes the creation.
 */
export function settleCreation(db: Database, asked: Idempotency | null, created: unknown): void {
  if (asked === null) return;
  const kept = db.change(
    "UPDATE idempotency SET status = 200, body = ? WHERE key = ? AND fingerprint = ? AND status IS NULL",
    JSON.stringify(created),
    asked.key,
    asked.fingerprint,
  );
  if (kept > 0) return;
  throw new TrimtabError("conflict", "Another request with this Idempotency-Key came first. Ask again for its reply.");
}

/** Gives a claimed key back, as if it had never been used. */
export function abandon(db: Database, asked: Idempotency): void {
  db.run("DELETE FROM idempotency WHERE key = ? AND fingerprint = ? AND status IS NULL", asked.key, asked.fingerprint);
}

/** Forgets replies that are a day old. */
export function sweepIdempotency(db: Database, now: number): void {
  db.run("DELETE FROM idempotency WHERE started_at <= ?", now - KEPT_MS);
}

export function mismatch(): TrimtabError {
  return new TrimtabError(
    "idempotency_mismatch",
    "This Idempotency-Key was used for a different request. Use a new key, or send the first request again unchanged.",
  );
}
