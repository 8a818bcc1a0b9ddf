import { describe, expect, it } from "vitest";
import { seconds } from "../../../edge/objects/database.ts";
import { withDatabase } from "../support/database.ts";

describe("Database", () => {
  it("reads and writes rows and counts what a statement changed", () =>
    withDatabase((db) => {
      db.run("CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE)");
      expect(db.change("INSERT INTO t (id) VALUES (?)", "a")).toBe(1);
      expect(db.change("INSERT OR IGNORE INTO t (id) VALUES (?)", "a")).toBe(0);
      expect(db.change("UPDATE t SET id = 'b'")).toBe(1);
      expect(db.get("SELECT id FROM t")).toEqual({ id: "b" });
      expect(db.get("SELECT id FROM t WHERE id = ?", "x")).toBeUndefined();
      expect([db.has("t"), db.has("u")]).toEqual([true, false]);
    }));

  it("undoes a transaction that throws", () =>
    withDatabase((db) => {
      db.run("CREATE TABLE t (id TEXT)");
      const broken = () =>
        db.transaction(() => {
          db.run("INSERT INTO t VALUES ('a')");
          throw new Error("no");
        });
      expect(broken).toThrow("no");
      expect(db.all("SELECT * FROM t")).toEqual([]);
    }));
});

it("seconds are whole", () => expect(seconds(1_999)).toBe(1));
