import { type ListOf, listOf, type Page, sizeInJson, withinBytes } from "../../shared/api/lists.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Database, SqlValue } from "./database.ts";

export interface PageSource {
  /** A table with columns `n` and `id`; written in the code, never taken from a request. */
  readonly table: string;
  readonly where?: string;
  readonly values?: readonly SqlValue[];
  /** The rows that a page may start after, with the same values; those of the list where left out. */
  readonly cursors?: string;
  readonly order?: "asc" | "desc";
  /** An expression for about how many bytes come of a row; all that it has where left out, which only a table itself can be asked. */
  readonly size?: string;
}

/**
 * The rows after the one whose id is `after`, newest first where `order` is left out, each as `show` makes it: up to `limit`, and fewer
 * where they would not fit into a reply. A page has at least one item, however large.
 *
 * @throws TrimtabError invalid_request where `after` is no id of this list.
 */
export function pageOf<R, T extends { readonly id: string }>(
  db: Database,
  source: PageSource,
  page: Page,
  show: (row: R) => T,
): ListOf<T> {
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
  const chosen = `FROM ${table} WHERE ${where} AND ${beyond} ORDER BY n ${order} LIMIT ?`;
  const size = source.size ?? sizeOfRow(db, table);
  // Not all are read at once: a hundred rows may have more bytes than the object has memory.
  const found = db.all<{ size: number }>(`SELECT ${size} AS size ${chosen}`, ...values, start, page.limit + 1);
  const fitting = withinBytes(found.slice(0, page.limit), (row) => row.size);
  const rows = db.all<R>(`SELECT * ${chosen}`, ...values, start, fitting.length);
  const data: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    const item = show(row);
    bytes += sizeInJson(item);
    if (data.length > 0 && bytes > LIMITS.listBytes) break;
    data.push(item);
  }
  return { ...listOf(data, data.length), has_more: data.length < found.length };
}

/** An expression for about how many bytes a row has. */
function sizeOfRow(db: Database, table: string): string {
  const columns = db.all<{ name: string }>("SELECT name FROM pragma_table_info(?)", table);
  return columns.map(({ name }) => `coalesce(length("${name}"), 0)`).join(" + ");
}

/** The error of every list for an `after` that it does not have. */
export function unknownCursor(): TrimtabError {
  return new TrimtabError("invalid_request", "`after` is not the id of anything in this list.", { param: "after" });
}
