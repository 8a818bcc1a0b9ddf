import { describe, expect, it } from "vitest";
import { createRandom } from "../../../../shared/random.ts";
import { compileRule } from "../../../../shared/rules/compile.ts";
import type { RuleSpec } from "../../../../shared/rules/spec.ts";
import { acceptsBytes, allowed, byteVocabulary, randomText, wordVocabulary } from "../vocabularies.ts";

const vocabulary = wordVocabulary(["ab", "abc", "bca", "cab", "aa", 'a":', '"a', 'b"}']);

describe("banned and required phrases", () => {
  const random = createRandom(8, "phrases");

  it.each<readonly [RuleSpec, readonly string[], readonly string[]]>([
    [{ regex: "[abc]{0,12}" }, ["aba", "bb", "cc"], []],
    [{ regex: "[abc]{0,12}" }, ["ab"], ["cab".slice(0, 2), "bc"]],
    [{ regex: "[abc]{6,12}" }, ["aa", "ba"], ["abc", "cb"]],
    [{ json_schema: { type: "array", items: { enum: ["a", "ab", "abc"] }, maxItems: 4 } }, ['"a",'], ["abc"]],
    [{ grammar: 'root ::= "a" root "b" | "c" | root2\nroot2 ::= "(" root ")"' }, ["aaa", "(("], ["c)"]],
  ])("in %j: a text is allowed exactly if it has the phrases it should (%j, %j)", (spec, banned, required) => {
    const plain = compileRule(spec, vocabulary);
    const rule = compileRule(spec, vocabulary, { banned, required });
    const isFit = (text: string) =>
      banned.every((phrase) => !text.includes(phrase)) && required.every((phrase) => text.includes(phrase));
    let fit = 0;
    for (let n = 0; n < 300; n++) {
      const text = randomText(plain, random, 30);
      if (text === undefined) continue;
      expect(acceptsBytes(rule, text), text).toBe(isFit(text));
      if (isFit(text)) fit++;
    }
    expect(fit).toBeGreaterThan(0);
    // No walk under the phrases comes to a dead end, which `randomText` would throw for.
    for (let n = 0; n < 100; n++) {
      const text = randomText(rule, random, 40);
      if (text !== undefined) expect(isFit(text) && acceptsBytes(plain, text), text).toBe(true);
    }
  });

  it("hold in free text, across tokens", () => {
    const rule = compileRule(null, vocabulary, { banned: ["abca", "é"], required: ["bb"] });
    const state = rule.start();
    const word = (text: string) => 257 + ["ab", "abc", "bca", "cab", "aa"].indexOf(text);
    expect(state.accept(word("abc"))).toBe(true);
    expect(allowed(state, vocabulary.size)).not.toContain(97);
    expect(state.accept(word("aa"))).toBe(false);
    expect(state.canEnd).toBe(false);
    for (const token of [98, 98]) expect(state.accept(token)).toBe(true);
    expect(state.canEnd).toBe(true);
    expect(state.accept(0xc3)).toBe(true);
    expect(state.accept(0xa9)).toBe(false);
  });

  it("leave as many tokens as the required ones take, whatever is drawn", () => {
    const rule = compileRule(null, vocabulary, { banned: ["cc", "ca"], required: ["abc", "bcb"] });
    // "abcb": `ab` and two bytes, or `abc` and one.
    expect(rule.requiredTokens).toBe(2);
    for (let seed = 0; seed < 50; seed++) {
      const state = rule.start();
      let text = "";
      for (let left = 5; left > 0; left--) {
        const options = allowed(state, vocabulary.size, left).filter((token) => !vocabulary.endTokens.includes(token));
        const token = options[random.below(options.length)]!;
        expect(state.accept(token)).toBe(true);
        text += Buffer.from(vocabulary.bytesOf(token)!).toString("latin1");
      }
      expect([text.includes("abc"), text.includes("bcb"), text.includes("cc"), text.includes("ca")]).toEqual([
        true,
        true,
        false,
        false,
      ]);
    }
  });

  it("are counted before anything is made of them", () => {
    const many = Array.from({ length: 300 }, (_, index) => `phrase ${index}`);
    expect(() => compileRule(null, byteVocabulary, { banned: many })).toThrow(
      /banned has 300 phrases; at most 256 fit/,
    );
    expect(() => compileRule(null, byteVocabulary, { required: many.slice(0, 9) })).toThrow(/required has 9 phrases/);
    expect(() => compileRule(null, byteVocabulary, { banned: ["x".repeat(5000)] })).toThrow(/have 5000 characters/);
    expect(() => compileRule(null, byteVocabulary, { banned: ["\ud800"] })).toThrow(/half of a surrogate pair/);
  });
});
