import { expect, it } from "vitest";
import type { Modules } from "../../../edge/objects/module.ts";
import { updateSchema } from "../../../edge/objects/schema.ts";
import { withDatabase } from "../support/database.ts";

const module = (...schema: string[]) => ({ schema, open: () => ({ calls: {} }) });
const NOTES = "CREATE TABLE notes (id TEXT PRIMARY KEY)";

it("runs each statement once, and what was added to a list later", () =>
  withDatabase((db) => {
    const first: Modules = { notes: module(NOTES) };
    updateSchema(db, first);
    updateSchema(db, first);
    db.run("INSERT INTO notes (id) VALUES ('a')");
    const second: Modules = {
      notes: module(NOTES, "ALTER TABLE notes ADD COLUMN text TEXT NOT NULL DEFAULT ''"),
      empty: module(),
    };
    updateSchema(db, second);
    updateSchema(db, second);
    expect(db.all("SELECT * FROM notes")).toEqual([{ id: "a", text: "" }]);
  }));

it("undoes a list that fails halfway, and runs it again", () =>
  withDatabase((db) => {
    expect(() => updateSchema(db, { notes: module(NOTES, "CREATE TABLE nonsense") })).toThrow();
    expect(db.has("notes")).toBe(false);
    updateSchema(db, { notes: module(NOTES) });
    expect(db.has("notes")).toBe(true);
  }));

it("runs a whole list over tables whose record of it was lost", () =>
  withDatabase((db) => {
    const modules: Modules = {
      notes: module(
        "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY)",
        "ALTER TABLE notes ADD COLUMN text TEXT NOT NULL DEFAULT ''",
      ),
    };
    updateSchema(db, modules);
    db.run("INSERT INTO notes (id, text) VALUES ('a', 'kept')");
    db.run("DROP TABLE modules");
    updateSchema(db, modules);
    expect(db.all("SELECT * FROM notes")).toEqual([{ id: "a", text: "kept" }]);
  }));
