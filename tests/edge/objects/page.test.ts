import { describe, expect, it } from "vitest";
import type { Database } from "../../../edge/objects/database.ts";
import { pageOf } from "../../../edge/objects/page.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { withDatabase } from "../support/database.ts";

interface Row {
  readonly id: string;
  readonly text: string;
}

const table = (db: Database) =>
  db.run("CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, kind TEXT, text TEXT)");
const shown = ({ id, text }: Row) => ({ id, text });

describe("pageOf", () => {
  it("walks a filtered list in both directions, and says whether there is more", () =>
    withDatabase((db) => {
      table(db);
      for (const id of ["a", "b", "c", "d"])
        db.run("INSERT INTO t (id, kind) VALUES (?, ?)", id, id === "b" ? "x" : "y");
      const source = { table: "t", where: "kind = ?", values: ["y"] };
      const ids = (page: { after?: string; limit: number }, order: "asc" | "desc" = "desc") => {
        const { data, has_more: more } = pageOf(db, { ...source, order }, page, shown);
        return [...data.map(({ id }) => id), more];
      };
      expect(ids({ limit: 1 })).toEqual(["d", true]);
      expect(ids({ limit: 3 })).toEqual(["d", "c", "a", false]);
      expect(ids({ limit: 5, after: "d" })).toEqual(["c", "a", false]);
      expect(ids({ limit: 5, after: "a" }, "asc")).toEqual(["c", "d", false]);
      const invalid = expect.objectContaining({ code: "invalid_request", param: "after" });
      expect(() => ids({ limit: 1, after: "b" })).toThrow(invalid);
      expect(() => ids({ limit: 1, after: "nothing" })).toThrow(invalid);
    }));

  it("ends a page before it is too large for a reply, and loses none", () =>
    withDatabase((db) => {
      table(db);
      const fat = "x".repeat(LIMITS.listBytes / 3);
      for (let i = 0; i < 10; i++) db.run("INSERT INTO t (id, text) VALUES (?, ?)", String(i), fat);
      const pages: string[][] = [];
      for (let after: string | undefined; ; ) {
        const page = pageOf(db, { table: "t" }, { limit: 100, ...(after === undefined ? {} : { after }) }, shown);
        pages.push(page.data.map(({ id }) => id));
        if (!page.has_more) break;
        after = page.last_id!;
      }
      expect(pages).toEqual([
        ["9", "8"],
        ["7", "6"],
        ["5", "4"],
        ["3", "2"],
        ["1", "0"],
      ]);
    }));

  it("counts what an item becomes, too, which may be more than its row", () =>
    withDatabase((db) => {
      table(db);
      for (const id of ["a", "b", "c"]) db.run("INSERT INTO t (id, text) VALUES (?, '')", id);
      const page = pageOf(db, { table: "t" }, { limit: 3 }, ({ id }: Row) => ({
        id,
        text: "y".repeat(LIMITS.listBytes / 2 - 100),
      }));
      expect([page.data.map(({ id }) => id), page.has_more, page.last_id]).toEqual([["c", "b"], true, "b"]);
      const huge = pageOf(db, { table: "t" }, { limit: 3 }, ({ id }: Row) => ({
        id,
        text: "y".repeat(LIMITS.listBytes),
      }));
      expect([huge.data.map(({ id }) => id), huge.has_more]).toEqual([["c"], true]);
    }));
});
