import type { Page } from "../../shared/api/lists.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { Database, SqlValue } from "./database.ts";

export interface PageSource {
  /** A table with columns `n` and `id`; written in the code, never taken from a request. */
  readonly table: string;
  readonly where?: string;
  readonly values?: readonly SqlValue[];
  /** The rows that a page may start after, with the same values; those of the list where left out. */
  readonly cursors?: string;
  readonly order?: "asc" | "desc";
}

/**
 * Up to `limit + 1` rows after the one whose id is `after`, newest first where `order` is left out.
 *
 * @throws TrimtabError invalid_request where `after` is no id of this list.
 */
export function pageOf<T>(db: Database, source: PageSource, page: Page): T[] {
  const { table, where = "1", values = [], cursors = where, order = "desc" } = source;
  const cursor =
    page.after === undefined
      ? undefined
      : db.get<{ n: number }>(`SELECT n FROM ${table} WHERE id = ? AND ${cursors}`, page.after, ...values);
  if (page.after !== undefined && cursor === undefined) {
    throw unknownCursor();
  }
  const beyond = order === "desc" ? "n < ?" : "n > ?";
  const start = cursor?.n ?? (order === "desc" ? Number.MAX_SAFE_INTEGER : 0);
  return db.all<T>(
    `SELECT * FROM ${table} WHERE ${where} AND ${beyond} ORDER BY n ${order} LIMIT ?`,
    ...values,
    start,
    page.limit + 1,
  );
}

/** The error of every list for an `after` that it does not have. */
export function unknownCursor(): TrimtabError {
  return new TrimtabError("invalid_request", "`after` is not the id of anything in this list.", { param: "after" });
}
