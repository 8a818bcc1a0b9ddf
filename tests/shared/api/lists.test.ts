import { describe, expect, it } from "vitest";
import { z } from "zod";
import { listOf, listSchema, pageQuery } from "../../../shared/api/lists.ts";

const items = ["a", "b", "c"].map((id) => ({ id }));

describe("listOf", () => {
  it("cuts the one item that shows that there are more", () => {
    const list = listOf(items, 2);
    expect(list).toEqual({ object: "list", data: items.slice(0, 2), has_more: true, first_id: "a", last_id: "b" });
    expect(listSchema(z.strictObject({ id: z.string() })).parse(list)).toEqual(list);
  });

  it("may be empty", () => {
    expect(listOf([], 2)).toEqual({ object: "list", data: [], has_more: false, first_id: null, last_id: null });
    expect(listOf(items, 3).has_more).toBe(false);
  });
});

describe("pageQuery", () => {
  it("reads numbers from a query and keeps them within bounds", () => {
    expect(pageQuery().parse({})).toEqual({ limit: 20 });
    expect(pageQuery(10).parse({ limit: undefined })).toEqual({ limit: 10 });
    expect(pageQuery().parse({ limit: "100", after: "x" })).toEqual({ limit: 100, after: "x" });
    for (const limit of ["0", "101", "1.5", "", "x"]) expect(pageQuery().safeParse({ limit }).success).toBe(false);
  });
});
