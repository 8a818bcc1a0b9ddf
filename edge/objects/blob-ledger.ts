/**
 * Makes uploads crash-proof: the ledger records a key as pending, the caller stores its bytes, and the record that
 * names them marks the key ready. Keys that never become ready are swept. Deleting a record dooms its keys in the same
 * transaction.
 */
import type { Database } from "./database.ts";
import { objectModule } from "./module.ts";

/** How long a trainer may take between storing an artefact and publishing it. */
export const PENDING_MS = 6 * 60 * 60 * 1000;
const SWEEP_BATCH = 500;

export const blobs = objectModule({
  schema: ["CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, state TEXT NOT NULL, since INTEGER NOT NULL)"],
  open: (context) => ({
    calls: {},
    duty: {
      run: () => sweepBlobs(context.db, context.env.BLOBS, context.now()),
      next: () => nextBlobSweep(context.db),
    },
  }),
});

/** Records that bytes are about to be stored under `key`. A key that is ready stays ready. */
export function reserveBlob(db: Database, key: string, now: number): void {
  db.run(
    `INSERT INTO blobs (key, state, since) VALUES (?, 'pending', ?)
     ON CONFLICT (key) DO UPDATE SET state = 'pending', since = excluded.since WHERE state <> 'ready'`,
    key,
    now,
  );
}

export function readyBlob(db: Database, key: string, now: number): void {
  db.run("INSERT OR REPLACE INTO blobs (key, state, since) VALUES (?, 'ready', ?)", key, now);
}

export function doomBlob(db: Database, key: string, now: number): void {
  db.run("UPDATE blobs SET state = 'doomed', since = ? WHERE key = ?", now, key);
}

/** Abandons a key whose bytes did not arrive or were wrong. A key that is ready stays ready. */
export function dropReservation(db: Database, key: string, now: number): void {
  db.run("UPDATE blobs SET state = 'doomed', since = ? WHERE key = ? AND state = 'pending'", now, key);
}

/** When the next sweep is due, in milliseconds; null if never. */
export function nextBlobSweep(db: Database): number | null {
  const doomed = db.get<{ at: number | null }>("SELECT min(since) AS at FROM blobs WHERE state = 'doomed'")?.at ?? null;
  const pending =
    db.get<{ at: number | null }>("SELECT min(since) AS at FROM blobs WHERE state = 'pending'")?.at ?? null;
  if (doomed !== null) return doomed;
  return pending === null ? null : pending + PENDING_MS;
}

/**
 * Deletes the bytes of doomed keys and of those pending for too long, then their rows. A key that was reserved again in the
 * meantime keeps its row; its writer finds the bytes missing and stores them again.
 */
export async function sweepBlobs(db: Database, bucket: R2Bucket, now: number): Promise<void> {
  const rows = db.all<{ key: string }>(
    "SELECT key FROM blobs WHERE state = 'doomed' OR (state = 'pending' AND since <= ?) LIMIT ?",
    now - PENDING_MS,
    SWEEP_BATCH,
  );
  if (rows.length === 0) return;
  for (const { key } of rows) db.run("UPDATE blobs SET state = 'doomed' WHERE key = ?", key);
  await bucket.delete(rows.map(({ key }) => key));
  for (const { key } of rows) db.run("DELETE FROM blobs WHERE key = ? AND state = 'doomed'", key);
}
