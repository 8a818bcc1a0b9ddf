import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TrimtabError } from "../../../shared/errors.ts";
import { createRandom } from "../../../shared/random.ts";
import { compileRule } from "../../../shared/rules/compile.ts";
import type { RuleSpec } from "../../../shared/rules/spec.ts";
import { createVocabulary } from "../../../shared/rules/vocabulary.ts";
import {
  acceptsBytes,
  allowed,
  baseVocabulary,
  byteVocabulary,
  follows,
  randomText,
  randomTokens,
  wordVocabulary,
} from "./vocabularies.ts";

/** Ten rules, each ten times the one before: 10¹⁰ letters that no line of it shows. */
const GRAMMAR_BOMB = `root ::= a\n${[..."abcdefghij"].map((name, i, all) => `${name} ::= ${`${all[i + 1] ?? "z"} `.repeat(10)}\n`).join("")}z ::= "x"`;

interface Language {
  readonly spec: RuleSpec;
  readonly texts: readonly (readonly [text: string, isAccepted: boolean])[];
}

const file = new URL("../../golden/rules/languages.json", import.meta.url);
const languages = JSON.parse(readFileSync(file, "utf8")) as Language[];

/** The message of the error that a rule is refused with. */
function refusal(spec: RuleSpec | null, options = {}): string {
  try {
    compileRule(spec, byteVocabulary, options);
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_request") return error.message;
    throw error;
  }
  return "";
}

describe("regular expressions and grammars", () => {
  it.each(languages.map((one) => [JSON.stringify(one.spec), one] as const))(
    "%s accepts the texts that llguidance accepts",
    (_, { spec, texts }) => {
      const rule = compileRule(spec, byteVocabulary);
      for (const [text, isAccepted] of texts) expect(acceptsBytes(rule, text), JSON.stringify(text)).toBe(isAccepted);
    },
  );

  it("allow an accepted text in any tokens, and only accepted texts at random", () => {
    const random = createRandom(1, "languages");
    for (const { spec, texts } of languages) {
      const rule = compileRule(spec, baseVocabulary);
      for (const [text, isAccepted] of texts) {
        if (isAccepted) expect(follows(rule, randomTokens(text, baseVocabulary, random)), text).toBe(true);
      }
      const bytes = compileRule(spec, byteVocabulary);
      for (let walk = 0; walk < 5; walk++) {
        const text = randomText(rule, random, 60);
        if (text !== undefined) expect(acceptsBytes(bytes, text), text).toBe(true);
      }
    }
  });
});

describe("specs", () => {
  it("are put together", () => {
    const call: RuleSpec = {
      sequence: [
        { text: "<call>" },
        {
          json_schema: {
            type: "object",
            properties: { x: { type: "integer" } },
            required: ["x"],
            additionalProperties: false,
          },
        },
        { text: "</call>" },
      ],
    };
    const rule = compileRule(
      { anyOf: [{ free: { without: ["<call>"] } }, { repeat: call, least: 1, most: 2 }] },
      byteVocabulary,
    );
    for (const text of ["hello", "", "a < b", '<call>{"x":1}</call>', '<call>{"x": 1}</call><call>{"x":-2}</call>']) {
      expect(acceptsBytes(rule, text), text).toBe(true);
    }
    for (const text of [
      "<call>",
      '<call>{"x":1}</call>!',
      '<call>{"y":1}</call>',
      `${'<call>{"x":1}</call>'.repeat(3)}`,
    ]) {
      expect(acceptsBytes(rule, text), text).toBe(false);
    }
  });

  it("allow a control token only where they name it", () => {
    expect(() => compileRule({ control: "<tool>" }, byteVocabulary)).toThrow(/no control token "<tool>"/);
    const vocabulary = createVocabulary({
      size: 258,
      bytesOf: (token) => Uint8Array.of(token),
      control: new Map([
        ["<end>", 256],
        ["<tool>", 257],
      ]),
      endTokens: [256],
    });
    const rule = compileRule({ sequence: [{ regex: "a*" }, { control: "<tool>" }, { text: "b" }] }, vocabulary);
    const state = rule.start();
    expect(allowed(state, 258)).toEqual([97, 257]);
    expect(state.accept(257)).toBe(true);
    expect(allowed(state, 258)).toEqual([98]);
    expect(allowed(compileRule({ regex: "." }, vocabulary).start(), 258)).not.toContain(257);
  });

  it("end when nothing else is possible", () => {
    const state = compileRule({ choice: ["yes", "yesterday", "no"] }, byteVocabulary).start();
    for (const byte of Buffer.from("yes")) state.accept(byte);
    expect([state.canEnd, state.mustEnd]).toEqual([true, false]);
    const other = state.clone();
    for (const byte of Buffer.from("terday")) state.accept(byte);
    expect([state.canEnd, state.mustEnd, allowed(state, 257)]).toEqual([true, true, [256]]);
    expect(other.mustEnd).toBe(false);
    expect(other.accept("x".charCodeAt(0))).toBe(false);
    expect(other.accept(256)).toBe(true);
    expect([other.ended, allowed(other, 257)]).toEqual([true, [256]]);
  });

  it("give tokens of several bytes that go beyond a part", () => {
    const vocabulary = wordVocabulary(['","c', 'a"', '"}', '"b":', 'é"', "\xc3"]);
    const schema = {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "integer" } },
      required: ["a"],
      additionalProperties: false,
    };
    const rule = compileRule({ json_schema: schema }, vocabulary);
    const state = rule.start();
    for (const byte of Buffer.from('{"a":"x')) state.accept(byte);
    const words = allowed(state, vocabulary.size).filter((token) => token > 256);
    // `","c` would begin a key that the schema does not have.
    expect(words).toEqual([258, 259, 261, 262]);
  });
});

describe("a rule that no text satisfies, or that asks too much", () => {
  const words = (count: number) => Array.from({ length: count }, (_, index) => `word ${index}`);
  const nested = (levels: number) =>
    Array.from({ length: levels }).reduce<object>((items) => ({ type: "array", items }), {});

  it.each<readonly [RuleSpec | null, object, RegExp]>([
    [{ choice: [] }, {}, /choice is empty/],
    [{ choice: ["a", "b"] }, { banned: ["a", "b"] }, /no text of the rule has every required phrase/],
    [{ regex: "a{3}" }, { required: ["b"] }, /no text of the rule has every required phrase/],
    [
      null,
      { banned: ["bad"], required: ["very bad day"] },
      /the required phrase "very bad day" holds the banned phrase "bad"/,
    ],
    [null, { banned: [""] }, /banned has an empty phrase/],
    [null, { required: [""] }, /required has an empty phrase/],
    [{ json_schema: { type: "string", minLength: 3, maxLength: 2 } }, {}, /no text satisfies the rule/],
    [{ json_schema: { enum: ["a", "b"], pattern: "^c" } }, {}, /no text satisfies the rule/],
    [{ json_schema: { type: "object", required: ["a"], properties: { a: false } } }, {}, /no text satisfies the rule/],
    [
      { json_schema: { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] } },
      {},
      /no text satisfies the rule/,
    ],
    [{ json_schema: { enum: words(20_000) } }, {}, /more than 1000 enum values/],
    [{ json_schema: nested(3000) }, {}, /nests more than 64 levels/],
    [{ json_schema: { type: "array", minItems: 1e9 } }, {}, /minItems asks for 1000000000 repetitions/],
    [{ regex: "(a{1,500}){1,500}" }, {}, /the regular expression takes too much work/],
    [{ regex: "(a|b)*a(a|b){24}" }, {}, /the regular expression takes too much work/],
    [{ grammar: GRAMMAR_BOMB }, {}, /the grammar takes too much work/],
    [{ regex: "(((((a{1,9}){1,9}){1,9}){1,9}){1,9}){1,9}" }, {}, /too much work/],
    [{ regex: "a(?=b)" }, {}, /a lookahead/],
    [{ regex: "(?<!b)a" }, {}, /a negative lookbehind/],
    [{ regex: "(a)\\1" }, {}, /a backreference \\1/],
    [{ regex: "\\bword" }, {}, /a word boundary \\b/],
    [{ repeat: { repeat: { text: "a" }, least: 0, most: 10_000 }, least: 0, most: 10_000 }, {}, /repeat inside repeat/],
  ])("%j with %j is refused", (spec, options, message) => {
    expect(refusal(spec, options)).toMatch(message);
  });

  it("names the field that it came in", () => {
    const error = (() => {
      try {
        compileRule({ choice: [] }, byteVocabulary, { param: "steering.rules" });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ code: "invalid_request", param: "steering.rules" });
  });

  it("is refused where the tokenizer lacks the bytes to write it", () => {
    const ascii = {
      ...byteVocabulary,
      writable: byteVocabulary.writable.map((isWritable, byte) => isWritable && byte < 128),
    };
    expect(() => compileRule({ choice: ["é"] }, ascii)).toThrow(/only characters that the tokenizer has/);
    const rule = compileRule({ choice: ["é", "e"] }, ascii);
    expect(allowed(rule.start(), 257)).toEqual([101]);
  });
});
