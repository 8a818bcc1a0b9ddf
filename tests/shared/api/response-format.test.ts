import { describe, expect, it } from "vitest";
import { ResponseFormat, TextFormat } from "../../../shared/api/response-format.ts";

const schema = { type: "object", properties: { a: { type: "string" } } };

describe("ResponseFormat", () => {
  it.each([
    { type: "text" },
    { type: "json_object" },
    { type: "json_schema", json_schema: { name: "a", description: null, schema, strict: true } },
    { type: "json_schema", json_schema: { name: "a", schema: null, strict: null } },
    { type: "json_schema", json_schema: { name: "a" } },
  ])("takes %j", (format) => {
    expect(ResponseFormat.parse(format)).toEqual(format);
  });

  it.each<[format: unknown, path: string]>([
    [{ type: "yaml" }, "type"],
    [{}, "type"],
    [{ type: "json_schema" }, "json_schema"],
    [{ type: "json_schema", json_schema: {} }, "json_schema.name"],
    [{ type: "json_schema", json_schema: { name: 1 } }, "json_schema.name"],
    [{ type: "json_schema", json_schema: { name: "a", schema: [] } }, "json_schema.schema"],
    [{ type: "json_schema", json_schema: { name: "a", strict: "yes" } }, "json_schema.strict"],
    [{ type: "json_schema", json_schema: { name: "a", wind: 1 } }, "json_schema"],
    [{ type: "text", json_schema: {} }, ""],
  ])("refuses %j at `%s`", (format, path) => {
    expect(ResponseFormat.safeParse(format).error?.issues[0]?.path.join(".")).toBe(path);
  });
});

describe("TextFormat", () => {
  it("has a schema's fields beside its type", () => {
    for (const format of [
      { type: "text" },
      { type: "json_object" },
      { type: "json_schema", name: "a", schema, strict: false },
      { type: "json_schema", name: "a" },
    ]) {
      expect(TextFormat.parse(format)).toEqual(format);
    }
    expect(TextFormat.safeParse({ type: "json_schema", json_schema: { name: "a" } }).success).toBe(false);
    expect(TextFormat.safeParse({ type: "json_schema", schema }).success).toBe(false);
  });
});
