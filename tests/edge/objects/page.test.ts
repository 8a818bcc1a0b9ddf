import { describe, expect, it } from "vitest";
import { pageOf } from "../../../edge/objects/page.ts";
import { withDatabase } from "../support/database.ts";

describe("pageOf", () => {
  it("walks a filtered list in both directions, one row further than asked", () =>
    withDatabase((db) => {
      db.run("CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, kind TEXT)");
      for (const id of ["a", "b", "c", "d"])
        db.run("INSERT INTO t (id, kind) VALUES (?, ?)", id, id === "b" ? "x" : "y");
      const source = { table: "t", where: "kind = ?", values: ["y"] };
      const ids = (page: { after?: string; limit: number }, order: "asc" | "desc" = "desc") =>
        pageOf<{ id: string }>(db, { ...source, order }, page).map(({ id }) => id);
      expect(ids({ limit: 1 })).toEqual(["d", "c"]);
      expect(ids({ limit: 5, after: "d" })).toEqual(["c", "a"]);
      expect(ids({ limit: 5, after: "a" }, "asc")).toEqual(["c", "d"]);
      const invalid = expect.objectContaining({ code: "invalid_request", param: "after" });
      expect(() => ids({ limit: 1, after: "b" })).toThrow(invalid);
      expect(() => ids({ limit: 1, after: "nothing" })).toThrow(invalid);
    }));
});
