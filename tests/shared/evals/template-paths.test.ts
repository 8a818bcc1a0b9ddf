import { expect, it } from "vitest";
import type { Schema } from "../../../shared/evals/schema-keywords.ts";
import { missingPath } from "../../../shared/evals/template-paths.ts";

const schema: Schema = {
  type: "object",
  properties: {
    question: { type: "string" },
    answers: { type: "array", items: { $ref: "#/$defs/answer" } },
    loose: { type: "object" },
    open: { type: "object", properties: { a: {} }, additionalProperties: { type: "object", properties: { b: {} } } },
    either: { anyOf: [{ properties: { x: {} } }, { properties: { y: {} } }] },
    both: { allOf: [{ properties: { x: {} } }, { properties: { y: {} } }] },
    pair: { prefixItems: [{ properties: { a: {} } }], items: false },
  },
  $defs: { answer: { type: "object", properties: { text: {}, more: { $ref: "#/$defs/answer" } } } },
};

it.each([
  ["question", undefined],
  ["qestion", "item.qestion"],
  ["question.text", "item.question.text"],
  ["answers.0.text", undefined],
  ["answers.0.txt", "item.answers[0].txt"],
  ["answers.0.more.more.text", undefined],
  ["answers.0.more.more.txt", "item.answers[0].more.more.txt"],
  ["loose.anything.at.all", undefined],
  ["open.a.x", undefined],
  ["open.z.b", undefined],
  ["open.z.c", "item.open.z.c"],
  ["either.x", undefined],
  ["either.y", undefined],
  ["either.z", "item.either.z"],
  ["both.y", undefined],
  ["both.z", "item.both.z"],
  ["pair.0.a", undefined],
  ["pair.1", "item.pair[1]"],
])("%s", (path, missing) => {
  expect(missingPath(schema, path.split("."))).toBe(missing);
});

it("lets everything pass that a schema does not rule out", () => {
  for (const open of [true, {}, { type: "object" }, { patternProperties: { "^a": {} } }, { $ref: "#/nowhere" }]) {
    expect(missingPath(open, ["a", "b"])).toBeUndefined();
  }
  expect(missingPath({ properties: {}, additionalProperties: false }, ["a"])).toBe("item.a");
  expect(missingPath({ allOf: [{ $ref: "#" }, { $ref: "#" }] }, ["a"])).toBeUndefined();
});
