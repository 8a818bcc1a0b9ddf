/**
 * Rows of completions that are kept. The oldest make room for new ones: after a time, above a number, and above a sum of their
 * lengths.
 */
import { KEPT_WHERE, type KeptCompletion, type KeptKind } from "../../../shared/api/kept-completions.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import type { Database } from "../database.ts";

export interface KeptRow {
  readonly n: number;
  readonly id: string;
  readonly kind: KeptKind;
  readonly model: string;
  /** Unix seconds. */
  readonly created_at: number;
  /** Bytes of `record`. Before it in the row, so that summing them up reads no texts. */
  readonly length: number;
  /** JSON of a `KeptCompletion`. */
  readonly record: string;
}

export const KEPT_TABLES = [
  `CREATE TABLE IF NOT EXISTS kept_completions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, model TEXT NOT NULL,
    created_at INTEGER NOT NULL, length INTEGER NOT NULL, record TEXT NOT NULL)`,
];

const KEPT_SECONDS = LIMITS.keptCompletionDays * 24 * 60 * 60;

/** What all kept completions of a tenant may come to. */
export interface Room {
  readonly completions: number;
  readonly bytes: number;
}

const ROOM: Room = { completions: LIMITS.keptCompletions, bytes: LIMITS.keptCompletionsLength };

/** @throws TrimtabError payload_too_large for a completion that is too long to be kept. */
export function keep(db: Database, kept: KeptCompletion, room: Room = ROOM): void {
  const { record, length } = recordOf(kept, { param: "store", instead: "Send the request without `store`" });
  db.run(
    "INSERT INTO kept_completions (id, kind, model, created_at, length, record) VALUES (?, ?, ?, ?, ?, ?)",
    kept.id,
    kept.kind,
    kept.made.model,
    kept.created,
    length,
    record,
  );
  makeRoom(db, room);
}

/** @throws TrimtabError payload_too_large for metadata with which the completion is too long to be kept. */
export function keepMetadata(db: Database, row: KeptRow, metadata: KeptCompletion["metadata"]): KeptRow {
  const kept = { ...completionOf(row), metadata };
  const { record, length } = recordOf(kept, { param: "metadata", instead: "Send shorter metadata" });
  db.run("UPDATE kept_completions SET record = ?, length = ? WHERE n = ?", record, length, row.n);
  return { ...row, record, length };
}

function recordOf(
  kept: KeptCompletion,
  { param, instead }: { readonly param: string; readonly instead: string },
): Pick<KeptRow, "record" | "length"> {
  const record = JSON.stringify(kept);
  const length = new TextEncoder().encode(record).byteLength;
  if (length <= LIMITS.keptCompletion) return { record, length };
  const message = `The completion and its prompt come to ${length} bytes, and ${LIMITS.keptCompletion} can be kept. ${instead}.`;
  throw new TrimtabError("payload_too_large", message, { param });
}

/** Drops the oldest completions above what may be kept; the newest always stays. */
function makeRoom(db: Database, { completions, bytes }: Room): void {
  const used = db.get<{ count: number; sum: number }>(
    "SELECT count(*) AS count, coalesce(sum(length), 0) AS sum FROM kept_completions",
  )!;
  let { count, sum } = used;
  while (count > 1 && (count > completions || sum > bytes)) {
    const oldest = db.get<{ n: number; length: number }>("SELECT n, length FROM kept_completions ORDER BY n LIMIT 1")!;
    db.run("DELETE FROM kept_completions WHERE n = ?", oldest.n);
    count -= 1;
    sum -= oldest.length;
  }
}

/** Where completions of a kind are read. */
const READ_AT: Readonly<Record<KeptKind, string>> = {
  chat: "/v1/chat/completions",
  text: "/v1/completions",
  response: "/v1/responses",
};

/**
 * @param kind of the API that was asked; any where left out
 * @throws TrimtabError not_found, which says how a completion comes to be kept, or where one of another kind is read.
 */
export function requireKept(db: Database, id: string, param: string, kind?: KeptKind): KeptRow {
  const row = db.get<KeptRow>("SELECT * FROM kept_completions WHERE id = ?", id);
  if (row === undefined) {
    const message = `There is no completion ${JSON.stringify(id)} that was kept. ${KEPT_WHERE}.`;
    throw new TrimtabError("not_found", message, { param });
  }
  if (kind === undefined || row.kind === kind) return row;
  const message = `The completion ${JSON.stringify(id)} was made by another API. It is at ${READ_AT[row.kind]}/${id}.`;
  throw new TrimtabError("not_found", message, { param });
}

export function completionOf(row: KeptRow): KeptCompletion {
  return JSON.parse(row.record) as KeptCompletion;
}

/** Drops what has been kept for its time. `now`: milliseconds. */
export function dropExpired(db: Database, now: number): void {
  db.run("DELETE FROM kept_completions WHERE created_at <= ?", Math.floor(now / 1000) - KEPT_SECONDS);
}

/** When the next completion has been kept for its time, in milliseconds; null if there is none. */
export function nextExpiry(db: Database): number | null {
  const oldest = db.get<{ at: number | null }>("SELECT min(created_at) AS at FROM kept_completions")?.at ?? null;
  return oldest === null ? null : (oldest + KEPT_SECONDS) * 1000;
}
