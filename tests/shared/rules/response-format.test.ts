import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { responseFormatRule } from "../../../shared/rules/response-format.ts";

function failure(format: unknown): { message: string; param: string | undefined } {
  try {
    responseFormatRule(format);
  } catch (error) {
    if (error instanceof TrimtabError) return { message: error.message, param: error.param };
    throw error;
  }
  throw new Error("was not refused");
}

const strict = (schema: unknown, name = "answer") => ({
  type: "json_schema",
  json_schema: { name, strict: true, schema },
});
const closed = (properties: object) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

describe("responseFormatRule", () => {
  it("translates what OpenAI's clients send", () => {
    expect(responseFormatRule({ type: "text" })).toBeNull();
    expect(responseFormatRule({ type: "json_object" })).toEqual({ json_object: true });
    const schema = closed({ a: { type: "integer" } });
    expect(responseFormatRule(strict(schema))).toEqual({ json_schema: schema });
    expect(responseFormatRule({ type: "json_schema", json_schema: { name: "x", schema: { type: "array" } } })).toEqual({
      json_schema: { type: "array" },
    });
    expect(responseFormatRule({ type: "json_schema", json_schema: { name: "x" } })).toEqual({ json_object: true });
  });

  it.each([
    [{ type: "xml" }, "response_format.type", /Invalid value: 'xml'/],
    [undefined, "response_format.type", /Invalid value: none/],
    [{ type: "json_schema" }, "response_format.json_schema", /Missing required parameter/],
    [{ type: "json_schema", json_schema: { schema: {} } }, "response_format.json_schema.name", /Missing required/],
    [strict(closed({}), "a b"), "response_format.json_schema.name", /1 to 64 letters/],
    [
      { type: "json_schema", json_schema: { name: "a", strict: "yes" } },
      "response_format.json_schema.strict",
      /expected a boolean/,
    ],
    [strict(undefined), "response_format.json_schema.schema", /Missing required parameter/],
    [
      strict({ type: "array" }),
      "response_format",
      /schema must be a JSON Schema of 'type: "object"', got 'type: "array"'/,
    ],
    [
      strict({ type: "object", properties: {} }),
      "response_format",
      "Invalid schema for response_format 'answer': In context=(), 'additionalProperties' is required to be supplied and to be false.",
    ],
    [
      strict(
        closed({ a: { type: "object", properties: { b: {}, c: {} }, required: ["b"], additionalProperties: false } }),
      ),
      "response_format",
      "Invalid schema for response_format 'answer': In context=('properties', 'a'), 'required' is required to be supplied and to be an array including every key in properties. Missing 'c'.",
    ],
    [strict({ ...closed({}), required: ["z"] }), "response_format", /'required' has the key 'z'/],
    [
      strict(closed({ a: { enum: Array.from({ length: 300 }, (_, i) => "x".repeat(60) + i) } })),
      "response_format",
      /more than 250 values may have at most 15000 characters/,
    ],
    [
      strict(closed({ a: Array.from({ length: 12 }).reduce<object>((items) => ({ type: "array", items }), {}) })),
      "response_format",
      /exceeds the limit of 10 levels of nesting/,
    ],
  ])("refuses %j", (format, param, message) => {
    const failed = failure(format);
    expect(failed.param).toBe(param);
    if (typeof message === "string") expect(failed.message).toBe(message);
    else expect(failed.message).toMatch(message);
  });
});
