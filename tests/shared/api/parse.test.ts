import { describe, expect, it } from "vitest";
import { z } from "zod";
import { notSupported, requestError, unsupported } from "../../../shared/api/parse.ts";

const Schema = z.strictObject({
  name: z.string().max(3),
  count: z.union([z.literal("auto"), z.int().min(1).max(5)]).optional(),
  list: z.array(z.strictObject({ a: z.int() })).optional(),
  content: z.union([z.string(), z.array(z.strictObject({ text: z.string() }))]).optional(),
  kind: z.discriminatedUnion("type", [z.strictObject({ type: z.literal("x") })]).optional(),
  sizes: z.record(z.string().regex(/^\d+$/, "must be a number or nothing"), z.int()).optional(),
  even: z
    .int()
    .refine((value) => value % 2 === 0, "must be even")
    .optional(),
  tools: unsupported(),
  store: z.literal(false, notSupported("false")).optional(),
});

describe("requestError", () => {
  it("is of no use to what is right", () => {
    expect(Schema.parse({ name: "abc", tools: null })).toEqual({ name: "abc", tools: null });
  });

  it.each([
    [{ name: "abcd" }, "name", "invalid_request", /^`name` must have at most 3 characters\.$/],
    [{}, "name", "invalid_request", /^`name` is required\.$/],
    [{ name: "a", owner: 1 }, "owner", "invalid_request", /^Unknown field `owner`/],
    [{ name: "a", list: [{ a: 1 }, { a: 1, b: 2 }] }, "list[1].b", "invalid_request", /^Unknown field `list\[1\]\.b`/],
    [{ name: "a", list: [{ a: "1" }] }, "list[0].a", "invalid_request", /^`list\[0\]\.a` must be a number\.$/],
    [{ name: "a", count: 9 }, "count", "invalid_request", /^`count` must be at most 5\.$/],
    [{ name: "a", count: true }, "count", "invalid_request", /^`count` must be "auto" or a number\.$/],
    [
      { name: "a", content: [{ text: 1 }] },
      "content[0].text",
      "invalid_request",
      /^`content\[0\]\.text` must be a string\.$/,
    ],
    [{ name: "a", kind: { type: "y" } }, "kind.type", "unsupported_parameter", /one of "x"; "y" is not supported/],
    [{ name: "a", kind: {} }, "kind.type", "invalid_request", /^`kind\.type` is required: one of "x"\.$/],
    [{ name: "a", sizes: { b: 1 } }, "sizes.b", "invalid_request", /^`sizes\.b` must be a number or nothing\.$/],
    [{ name: "a", even: 3 }, "even", "invalid_request", /^`even` must be even\.$/],
    [
      { name: "a", tools: [] },
      "tools",
      "unsupported_parameter",
      /^`tools` is not supported by this server; remove it\.$/,
    ],
    [
      { name: "a", store: true },
      "store",
      "unsupported_parameter",
      /^`store` is not supported by this server; remove it or send false\.$/,
    ],
    ["text", undefined, "invalid_request", /^The body must be an object\.$/],
    [undefined, undefined, "invalid_request", /^The body is missing\.$/],
  ])("says what to change in %j", (value, param, code, message) => {
    const { error } = Schema.safeParse(value);
    expect(requestError(error!, value)).toMatchObject({ code, param, message: expect.stringMatching(message) });
  });
});
