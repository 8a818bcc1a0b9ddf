import { expect, it } from "vitest";
import { JsonFields, positive, wholeNumber } from "../../../shared/model/json-fields.ts";
import type { ModelProblem } from "../../../shared/model/problems.ts";

it("reads fields, takes null as absent, and collects what is wrong with its place", () => {
  const problems: ModelProblem[] = [];
  const json = { size: 3, none: null, odd: "3", flag: 1, text: 2, inner: { part: -1 }, list: [] };
  const fields = new JsonFields(json, { file: "config.json", problems });
  expect(fields.number("size", wholeNumber(1, 9))).toBe(3);
  expect(fields.required("size", wholeNumber(1, 9))).toBe(3);
  expect([fields.number("none", positive()), fields.has("none"), fields.mentions("none")]).toEqual([
    undefined,
    false,
    true,
  ]);
  expect(fields.value("toString")).toBeUndefined();
  expect(problems).toEqual([]);
  fields.required("none", positive());
  fields.number("odd", wholeNumber(1, 9));
  fields.boolean("flag");
  fields.string("text");
  fields.object("inner")?.number("part", positive());
  fields.object("list");
  expect(problems.map(({ file, field, reason }) => `${file}: ${field}: ${reason}`)).toEqual([
    "config.json: none: missing; must be a positive number",
    'config.json: odd: must be a whole number from 1 to 9, got "3"',
    "config.json: flag: must be true or false, got 1",
    "config.json: text: must be text, got 2",
    "config.json: inner.part: must be a positive number, got -1",
    "config.json: list: must be an object, got []",
  ]);
});
