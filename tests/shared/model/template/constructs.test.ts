import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compileTemplate } from "../../../../shared/model/template/compile.ts";
import { fromJson } from "../../../../shared/model/template/json.ts";
import { Dict } from "../../../../shared/model/template/values.ts";

interface Golden {
  date: string;
  /** As JSON text, since the order of the keys matters. */
  variables: string;
  cases: { source: string; text?: string; error?: string }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../../golden/templates/constructs.json", import.meta.url), "utf8"),
);
const parsed = fromJson(golden.variables);
const variables = Object.fromEntries(parsed instanceof Dict ? parsed.entries() : []);
const options = { messages: 10, characters: 1000, date: new Date(golden.date) };

describe("constructs, equal to Jinja2 as transformers configures it", () => {
  test("the table covers the language", () => {
    expect(golden.cases.length).toBeGreaterThan(1000);
  });

  test.each(golden.cases.map((one, index) => ({ ...one, index })))("$index $source", ({ source, text, error }) => {
    const attempt = () => compileTemplate(source).render(variables, options);
    if (error === undefined) expect(attempt()).toBe(text);
    // What Python raises becomes an error of the template, not a fault of the engine.
    else expect(attempt).toThrow(/^the model's chat template (?!.*internal error)/);
  });
});
