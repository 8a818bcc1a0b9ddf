import type { Database } from "./database.ts";
import type { Modules } from "./module.ts";

/**
 * Brings an object's tables up to date with its modules: a module that is new to this object gets its tables, one whose list of
 * statements has grown runs what was added. Objects that are up to date pay one query.
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
      for (const statement of schema.slice(ran)) db.run(statement);
      db.run("INSERT OR REPLACE INTO modules (name, statements) VALUES (?, ?)", name, schema.length);
    });
  }
}
