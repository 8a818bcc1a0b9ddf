import { expect, it } from "vitest";
import { formatOf, textFormatOf } from "../../../edge/routes/response-format.ts";

const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const loose = { type: "object", properties: { a: { type: "string" } } };
const named = (changes: object = {}) => ({ name: "answer", schema, ...changes });

it("a chat's format is a rule of the whole reply, or none for text", () => {
  for (const format of [undefined, { type: "text" } as const]) {
    expect(formatOf(format)).toBeUndefined();
    expect(textFormatOf(format)).toBeUndefined();
  }
  expect(formatOf({ type: "json_object" })).toEqual({ spec: { json_object: true }, param: "response_format" });
  const rule = { spec: { json_schema: schema }, param: "response_format" };
  expect(formatOf({ type: "json_schema", json_schema: named() })).toEqual(rule);
  expect(formatOf({ type: "json_schema", json_schema: named({ strict: true }) })).toEqual(rule);
});

it("a response's format says the same beside its type, and names its own field", () => {
  expect(textFormatOf({ type: "json_object" })).toEqual({ spec: { json_object: true }, param: "text.format" });
  expect(textFormatOf({ type: "json_schema", ...named() })).toEqual({
    spec: { json_schema: schema },
    param: "text.format",
  });
});

it("a schema that is not in OpenAI's subset is refused where it has to be, and taken where not", () => {
  const json_schema = named({ schema: loose, strict: true });
  expect(() => formatOf({ type: "json_schema", json_schema })).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "response_format" }),
  );
  expect(() => textFormatOf({ type: "json_schema", ...json_schema })).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "text.format" }),
  );
  expect(formatOf({ type: "json_schema", json_schema: { ...json_schema, strict: false } })?.spec).toEqual({
    json_schema: loose,
  });
});

it("a name that no schema may have is refused by the field", () => {
  expect(() => formatOf({ type: "json_schema", json_schema: named({ name: "an answer" }) })).toThrow(
    expect.objectContaining({ param: "response_format.json_schema.name" }),
  );
});
