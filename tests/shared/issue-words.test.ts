import { describe, expect, test } from "vitest";
import { z } from "zod";
import { deepestIssue, demandOf, formatPath, isDiscriminated, valueAt, wordIssue } from "../../shared/issue-words.ts";

const issues = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error!.issues;

describe("demands in plain words", () => {
  test.each<[z.ZodType, unknown, string]>([
    [z.string(), 1, "must be a string"],
    [z.int(), 1.5, "must be an integer"],
    [z.array(z.int()).min(1), [], "must not be empty"],
    [z.array(z.int()).min(2), [1], "must have at least 2 entries"],
    [z.array(z.int()).max(1), [1, 2], "must have at most 1 entry"],
    [z.array(z.int()).max(0), [1], "must be empty"],
    [z.string().min(1), "", "must not be empty"],
    [z.string().max(1), "ab", "must have at most 1 character"],
    [z.number().lt(2), 2, "must be less than 2"],
    [z.number().multipleOf(2), 3, "must be a multiple of 2"],
    [z.literal(["a", "b"]), "c", 'must be "a" or "b"'],
    [z.string().regex(/^a$/), "b", "must match /^a$/"],
    [z.email(), "b", "must be a valid email"],
    [z.union([z.string(), z.array(z.string())]), 5, "must be a string or a list"],
    [z.union([z.literal(1), z.union([z.string(), z.null()])]), {}, "must be 1 or a string or null"],
    [z.never(), 5, "must be left out"],
    [z.any().refine(() => false), 5, "is not valid"],
    [z.any().refine(() => false, "must be better"), 5, "must be better"],
    [z.record(z.enum(["a"]), z.int()), { b: 1, a: 1 }, 'must not have the field "b"'],
    [z.record(z.string().max(1), z.int()), { bb: 1 }, "must have at most 1 character"],
    [z.date(), 5, "must be a date"],
  ])("%#", (schema, value, demand) => {
    expect(demandOf(issues(schema, value)[0]!)).toBe(demand);
  });
});

describe("the first problem of a value, with its field", () => {
  const schema = z.strictObject({
    a: z.array(z.strictObject({ b: z.union([z.string(), z.strictObject({ c: z.int() })]) })).optional(),
    needed: z.string(),
  });
  test.each<[unknown, string, string]>([
    [{ needed: "x", a: [{ b: { c: "1" } }] }, "a[0].b.c", "must be a number"],
    [{ needed: "x", a: [{ b: 5 }] }, "a[0].b", "must be a string or an object"],
    [{ needed: "x", d: 1 }, "d", "is an unknown field; remove it or correct its name"],
    [{}, "needed", "is required"],
    ["x", "", "must be an object"],
  ])("%j", (value, field, problem) => {
    expect(wordIssue(schema.safeParse(value).error!, value)).toEqual({ field, problem });
  });
});

describe("of a union, the branch that got furthest", () => {
  const id = z.int().min(0);
  const schema = z.object({
    of: z.union([z.string(), z.array(z.string()).max(3), z.array(id).max(4), z.array(z.array(id)).max(3)]),
  });
  test.each<[unknown, string, string]>([
    [["a", "b", "c", "d"], "of", "must have at most 3 entries"],
    [[[1], [2], [3], [4]], "of", "must have at most 3 entries"],
    [[1, 2, "c"], "of[2]", "must be a number"],
    [[1, -1], "of[1]", "must be at least 0"],
    [["a", "b", 3], "of[2]", "must be a string"],
    [[[1], [2, 2.5]], "of[1][1]", "must be an integer"],
    [[[1], 2], "of[1]", "must be a list"],
  ])("%j", (of, field, problem) => {
    expect(wordIssue(schema.safeParse({ of }).error!, { of })).toEqual({ field, problem });
  });
});

test("unions that a field tells apart are left whole", () => {
  const kind = z.discriminatedUnion("type", [z.object({ type: z.literal("x") })]);
  const [issue] = issues(kind, { type: "y" });
  expect(isDiscriminated(issue!)).toBe(true);
  expect(deepestIssue(issue!, ["at"])).toEqual({ issue, path: ["at", "type"] });
});

test("paths and what stands at them", () => {
  expect(formatPath(["a", 0, "b"])).toBe("a[0].b");
  expect([valueAt({ a: [{ b: 1 }] }, ["a", 0, "b"]), valueAt({ a: null }, ["a", "b"])]).toEqual([1, undefined]);
});
