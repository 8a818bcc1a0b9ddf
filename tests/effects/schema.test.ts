/** Texts that are held to a schema are valid under it, whatever the prompt, at a temperature at which the base writes noise. */
import { Ajv } from "ajv";
import { expect, it } from "vitest";
import { embeddedModel } from "./support/embedded-model.ts";
import { randomPrompts } from "./support/experiments.ts";
import { allReplies } from "./support/figures.ts";

const SCHEMA = {
  type: "object",
  properties: {
    id: { type: "string", pattern: "^[A-Z]{2}-[0-9]{2}$" },
    kind: { enum: ["book", 7, null] },
    tags: { type: "array", items: { type: "string", maxLength: 3 }, minItems: 1, maxItems: 2 },
    size: {
      type: "object",
      properties: { w: { type: "integer", minimum: 1, maximum: 99 }, unit: { enum: ["cm", "in"] } },
      required: ["w", "unit"],
      additionalProperties: false,
    },
  },
  required: ["id", "kind", "tags", "size"],
  additionalProperties: false,
};

it("500 random prompts at a temperature of 1.5 give 500 valid documents", { timeout: 600_000 }, async () => {
  const model = await embeddedModel();
  const isValid = new Ajv().compile(SCHEMA);
  const all = await model.askAll(
    randomPrompts(500, 3).map((prompt) => {
      return { prompt, steering: { rules: { json_schema: SCHEMA } }, maxTokens: 160, temperature: 1.5 };
    }),
  );
  const texts = allReplies(all);
  const invalid = texts.filter(({ text, ended }) => !ended || !isValid(JSON.parse(text)));
  expect(invalid.map(({ text }) => text)).toEqual([]);
  // They do differ, so that it is the schema that they share.
  expect(new Set(texts.map(({ text }) => text)).size).toBeGreaterThan(490);
});
