/**
 * Idempotency keys: the same key gets the same reply, server errors included, and the same key with another body is an
 * error. Every object that creates things keeps its own table. It stores what it creates and the reply in one
 * transaction, so a client can ask again for a reply that was lost.
 *
 * A claim belongs to a running request and must end with it, even if the server is killed before it can release the
 * claim. Three rules ensure that. A claim is valid only in the lifetime of the object that granted it, because a
 * restart ends requests too. Long requests renew their claims: a claim lapses soon after its Worker dies, and the
 * renewals keep the object from being evicted. If a claim lapses too early, two requests run, but the transaction lets
 * only one of them create something.
 *
 * A replay changes nothing, whatever has become of what the first request made. It gets the reply as it was recorded. Where that
 * reply is not kept, because it holds a secret, is large or changes, it gets the thing as it is now, and `removedSince` once it is
 * gone.
 */
import { TrimtabError } from "../../shared/errors.ts";
import type { Database } from "./database.ts";
import { objectModule } from "./module.ts";

/** How long a reply is kept. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** When to ask again for the reply to a request that is still running. */
const RETRY_MS = 1_000;

export interface Idempotency {
  readonly key: string;
  /** Digest of the request: method, path and body. */
  readonly fingerprint: string;
}

/** When and in which lifetime of its object a claim is made. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** New every time the object is started; null for a claim that is settled in the same transaction. */
  readonly life: string | null;
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

export const idempotency = objectModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS idempotency (
      key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER, body TEXT, started_at INTEGER NOT NULL)`,
    "CREATE TABLE IF NOT EXISTS claim_lives (key TEXT PRIMARY KEY, life TEXT NOT NULL)",
  ],
  open: ({ db, now, requireCreated }) => {
    const life = crypto.randomUUID();
    const moment = () => ({ now: now(), life });
    return {
      calls: {
        claim(request: Idempotency & { staleMs: number }): StoredReply | null {
          requireCreated();
          return claim(db, request, moment()) ?? null;
        },
        claimUpload: (upload: UploadClaim & { staleMs: number }): DoneUpload | null =>
          claimUpload(db, upload, moment()) ?? null,
        renew: (request: Idempotency) => renew(db, request, moment()),
        identifyUpload: (claimed: UploadClaim, fingerprint: string) => identifyUpload(db, claimed, fingerprint),
        settle: (request: Idempotency, reply: StoredReply) => settle(db, request, reply),
        abandon: (request: Idempotency) => abandon(db, request),
      },
      // Replies that are too old are ignored, so sweeping them does not need an alarm.
      duty: { run: () => sweepIdempotency(db, now()), next: () => null },
    };
  },
});

/**
 * Claims a key. Returns undefined if the caller may proceed, or the reply to the earlier request. A claim without a
 * reply lapses after `staleMs`, or when the object restarts. That is safe: a creation is stored together with its
 * reply, so without a reply nothing was created.
 *
 * @throws TrimtabError idempotency_mismatch for another request under the key, conflict while the first one runs.
 */
export function claim(
  db: Database,
  request: Idempotency & { staleMs: number },
  { now, life }: Moment,
): StoredReply | undefined {
  const row = db.get<Row>("SELECT * FROM idempotency WHERE key = ?", request.key);
  if (row !== undefined && now - row.started_at < KEPT_MS) {
    if (row.fingerprint !== request.fingerprint) throw mismatch();
    if (row.status !== null) return { status: row.status, body: row.body ?? "" };
    if (life !== null && lifeOf(db, request.key) === life && now - row.started_at < request.staleMs) {
      throw new TrimtabError(
        "conflict",
        "A request with this Idempotency-Key is still running. Wait for it, then ask again.",
        { data: { retryMs: RETRY_MS } },
      );
    }
  }
  db.run(
    "INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, started_at) VALUES (?, ?, NULL, NULL, ?)",
    request.key,
    request.fingerprint,
    now,
  );
  if (life !== null) setLife(db, request.key, life);
  return undefined;
}

function lifeOf(db: Database, key: string): string | undefined {
  return db.get<{ life: string }>("SELECT life FROM claim_lives WHERE key = ?", key)?.life;
}

function setLife(db: Database, key: string, life: string): void {
  db.run("INSERT OR REPLACE INTO claim_lives (key, life) VALUES (?, ?)", key, life);
}

/**
 * Renews the claim of a running request, in this lifetime too. Does nothing if another request has taken over the key.
 */
export function renew(db: Database, request: Idempotency, { now, life }: Moment): void {
  const renewed = db.change(
    "UPDATE idempotency SET started_at = ? WHERE key = ? AND fingerprint = ? AND status IS NULL",
    now,
    request.key,
    request.fingerprint,
  );
  if (renewed > 0 && life !== null) setLife(db, request.key, life);
}

/** An upload's claim: the contents are known only once the body has been read. */
export interface UploadClaim {
  readonly key: string;
  /** Names the claim until then; new for every request. */
  readonly provisional: string;
}

/** An earlier upload under the same key, to compare with the incoming one. */
export interface DoneUpload {
  readonly fingerprint: string;
  readonly reply: StoredReply;
}

/**
 * Claims a key for an upload. Returns undefined if the caller may proceed; it then calls `identifyUpload` with what it
 * read.
 *
 * @throws TrimtabError conflict while another upload runs under the key.
 */
export function claimUpload(
  db: Database,
  request: UploadClaim & { staleMs: number },
  moment: Moment,
): DoneUpload | undefined {
  const row = db.get<Row>("SELECT * FROM idempotency WHERE key = ?", request.key);
  if (row !== undefined && row.status !== null && moment.now - row.started_at < KEPT_MS) {
    return { fingerprint: row.fingerprint, reply: { status: row.status, body: row.body ?? "" } };
  }
  claim(
    db,
    { key: request.key, fingerprint: row?.fingerprint ?? request.provisional, staleMs: request.staleMs },
    moment,
  );
  db.run("UPDATE idempotency SET fingerprint = ? WHERE key = ?", request.provisional, request.key);
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

/** Stores the reply for a claimed key; the first one stays. */
export function settle(db: Database, request: Idempotency, reply: StoredReply): void {
  db.run(
    "UPDATE idempotency SET status = ?, body = ? WHERE key = ? AND fingerprint = ? AND status IS NULL",
    reply.status,
    reply.body,
    request.key,
    request.fingerprint,
  );
}

/** Replaces the reply of a settled key, for what becomes known in steps. */
export function amend(db: Database, request: Idempotency, reply: StoredReply): void {
  db.run(
    "UPDATE idempotency SET status = ?, body = ? WHERE key = ? AND fingerprint = ?",
    reply.status,
    reply.body,
    request.key,
    request.fingerprint,
  );
}

/**
 * Stores the reply for a creation, in the transaction that creates it.
 *
 * @throws TrimtabError conflict if another request under the key came first; the transaction then undoes the creation.
 */
export function settleCreation(db: Database, request: Idempotency | null, created: unknown): void {
  if (request === null) return;
  const kept = db.change(
    "UPDATE idempotency SET status = 200, body = ? WHERE key = ? AND fingerprint = ? AND status IS NULL",
    JSON.stringify(created),
    request.key,
    request.fingerprint,
  );
  if (kept > 0) return;
  throw new TrimtabError("conflict", "Another request with this Idempotency-Key came first. Ask again for its reply.", {
    data: { retryMs: RETRY_MS },
  });
}

/** Releases a claimed key, as if it had never been used. */
export function abandon(db: Database, request: Idempotency): void {
  db.run(
    "DELETE FROM idempotency WHERE key = ? AND fingerprint = ? AND status IS NULL",
    request.key,
    request.fingerprint,
  );
}

/** Deletes replies that are a day old. */
export function sweepIdempotency(db: Database, now: number): void {
  db.run("DELETE FROM idempotency WHERE started_at <= ?", now - KEPT_MS);
  db.run("DELETE FROM claim_lives WHERE key NOT IN (SELECT key FROM idempotency WHERE status IS NULL)");
}

export function mismatch(): TrimtabError {
  return new TrimtabError(
    "idempotency_mismatch",
    "This Idempotency-Key was used for a different request. Use a new key, or send the first request again unchanged.",
  );
}

/** The reply to a replay whose thing is gone: it is not made again. */
export function removedSince(what: string): TrimtabError {
  return new TrimtabError(
    "not_found",
    `${what} An earlier request with this Idempotency-Key made it, and a repeat does not bring it back. Send another Idempotency-Key to make a new one.`,
    { param: "idempotency-key" },
  );
}
