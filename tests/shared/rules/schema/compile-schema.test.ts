import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import { compileRule } from "../../../../shared/rules/compile.ts";
import {
  acceptsBytes,
  baseTokenizer,
  baseVocabulary,
  byteVocabulary,
  follows,
  randomText,
  randomTokens,
} from "../vocabularies.ts";

interface Case {
  readonly name: string;
  readonly schema: object;
  readonly instances: readonly (readonly [instance: unknown, isValid: boolean])[];
}

const file = new URL("../../../golden/rules/schemas.json", import.meta.url);
const cases = JSON.parse(readFileSync(file, "utf8")) as Case[];

/** As Python's `json.dumps` writes it: with a space after commas and colons. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${spaced(inner)}`)
    .join(", ")}}`;
}

describe("schemas in public style", () => {
  it("accept exactly the instances that jsonschema calls valid", () => {
    const wrong: string[] = [];
    for (const { name, schema, instances } of cases) {
      const rule = compileRule({ json_schema: schema }, byteVocabulary);
      for (const [instance, isValid] of instances) {
        for (const text of [JSON.stringify(instance), spaced(instance)]) {
          if (acceptsBytes(rule, text) !== isValid) wrong.push(`${name}: ${isValid ? "refused" : "accepted"} ${text}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("allow a valid instance in any tokens", () => {
    const random = createRandom(4, "tokens");
    const wrong: string[] = [];
    for (const { name, schema, instances } of cases) {
      const rule = compileRule({ json_schema: schema }, baseVocabulary);
      for (const [instance, isValid] of instances) {
        if (!isValid) continue;
        const text = JSON.stringify(instance);
        const ways = [baseTokenizer.encode(text, { continues: "text" }), randomTokens(text, baseVocabulary, random)];
        if (!ways.every((tokens) => follows(rule, tokens))) wrong.push(`${name}: ${text}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("let nothing through that ajv calls invalid, whatever tokens are drawn", () => {
    const random = createRandom(5, "walks");
    const ajv = new Ajv2020({ strict: false });
    (formats as unknown as (of: Ajv2020) => void)(ajv);
    let ended = 0;
    for (const { name, schema } of cases) {
      const isValid = ajv.compile(schema);
      const rule = compileRule({ json_schema: schema }, baseVocabulary);
      for (let walk = 0; walk < 2; walk++) {
        const text = randomText(rule, random, 120);
        if (text === undefined) continue;
        ended++;
        expect(isValid(JSON.parse(text)), `${name}: ${text} ${JSON.stringify(isValid.errors)}`).toBe(true);
      }
    }
    expect(ended).toBeGreaterThan(cases.length);
  });
});
