import type { Database } from "./database.ts";
import type { Modules } from "./module.ts";

/**
 * Brings an object's tables up to date with its modules: a module that is new to the object gets its tables, and one whose list
 * of statements has grown runs the new ones. An object that is up to date pays for one query.
 */
export function updateSchema(db: Database, modules: Modules): void {
  db.run("CREATE TABLE IF NOT EXISTS modules (name TEXT PRIMARY KEY, statements INTEGER NOT NULL)");
  const done = new Map(
    db
      .all<{ name: string; statements: number }>("SELECT * FROM modules")
      .map(({ name, statements }) => [name, statements]),
  );
  for (const [name, { schema }] of Object.entries(modules)) {
    const ran = done.get(name) ?? 0;
    if (ran >= schema.length) continue;
    db.transaction(() => {
      for (const statement of schema.slice(ran)) if (!isDone(db, statement)) db.run(statement);
      db.run("INSERT OR REPLACE INTO modules (name, statements) VALUES (?, ?)", name, schema.length);
    });
  }
}

/**
 * Whether a statement adds a column that exists, or renames one that does not. SQLite has no `IF NOT EXISTS` for columns, and an object
 * whose record of statements is older than its tables runs all statements again.
 */
function isDone(db: Database, statement: string): boolean {
  const [, renamed, from] = /^ALTER TABLE (\w+) RENAME COLUMN (\w+)/.exec(statement) ?? [];
  if (renamed !== undefined && from !== undefined) return !hasColumn(db, renamed, from);
  const [, table, column] = /^ALTER TABLE (\w+) ADD COLUMN (\w+)/.exec(statement) ?? [];
  if (table === undefined || column === undefined) return false;
  return hasColumn(db, table, column);
}

function hasColumn(db: Database, table: string, column: string): boolean {
  return db.get("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", table, column) !== undefined;
}
