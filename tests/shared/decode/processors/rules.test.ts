import { describe, expect, it } from "vitest";
import type { ProcessedRow } from "../../../../shared/decode/processor.ts";
import { type RuleSettings, rules } from "../../../../shared/decode/processors/rules.ts";
import { compileRule } from "../../../../shared/rules/compile.ts";
import { baseTokenizer, baseVocabulary } from "../../rules/vocabularies.ts";
import { processedRow, rowState } from "../processing.ts";

const V = baseVocabulary.size;
const RULED_OUT = Number.NEGATIVE_INFINITY;
const [yes, no] = ["yes", "no"].map((text) => baseTokenizer.encode(text, { continues: "text" }));

function rowOf(
  settings: RuleSettings,
  generated: readonly number[],
  scores = Float64Array.from({ length: V }, (_, token) => -token / V),
): ProcessedRow<RuleSettings> {
  const logits = Float32Array.from({ length: V }, (_, token) => token / V);
  return processedRow({ row: rowState(generated), settings, scores, logits: () => logits });
}

const finite = (scores: Float64Array) => [...scores.keys()].filter((token) => scores[token] !== RULED_OUT);

describe("the rules processor", () => {
  const rule = compileRule({ choice: ["yes", "no"] }, baseVocabulary);

  it("keeps the scores of the tokens that the rule allows, and rules out the others", () => {
    const row = rowOf({ rule }, []);
    rules.create().apply([row]);
    const kept = finite(row.scores);
    expect(kept).toEqual(expect.arrayContaining([yes![0], no![0]]));
    for (const token of kept) {
      const text = baseTokenizer.textOf(token);
      expect(
        ["yes", "no"].some((choice) => choice.startsWith(text)),
        text,
      ).toBe(true);
      expect(row.scores[token]).toBe(-token / V);
    }
  });

  it("allows the end exactly where the text is whole", () => {
    const inside = rowOf({ rule }, []);
    const whole = rowOf({ rule }, yes!);
    rules.create().apply([inside, whole]);
    expect(inside.scores[baseTokenizer.eosId]).toBe(RULED_OUT);
    expect(finite(whole.scores)).toEqual([baseTokenizer.eosId]);
  });

  it("goes on from where a row was, and forgets rows that left", () => {
    const processor = rules.create();
    const generated: number[] = [];
    const row = rowState(generated);
    for (const token of [...yes!, baseTokenizer.eosId]) {
      const step = { ...rowOf({ rule }, []), row };
      processor.apply([step]);
      expect(step.scores[token]).not.toBe(RULED_OUT);
      generated.push(token);
    }
    processor.update!({ removed: [row], added: [], moved: [] });
    generated.length = 0;
    const again = { ...rowOf({ rule }, []), row };
    processor.apply([again]);
    expect(again.scores[no![0]!]).not.toBe(RULED_OUT);
  });

  it("gives allowed tokens the model's own scores where nothing else was left", () => {
    const row = rowOf({ rule }, [], new Float64Array(V).fill(RULED_OUT).fill(0, 0, 1));
    rules.create().apply([row]);
    expect(row.scores[yes![0]!]).toBeCloseTo(yes![0]! / V);
    expect(row.scores[0]).toBe(RULED_OUT);
  });

  it("forces required phrases before the tokens run out", () => {
    const needed = compileRule(null, baseVocabulary, { required: ["thank you", "bye"] });
    const processor = rules.create();
    const generated: number[] = [];
    const maxTokens = needed.requiredTokens + 3;
    const row = rowState(generated);
    while (generated.length < maxTokens) {
      const step = { ...rowOf({ rule: needed, maxTokens }, []), row };
      processor.apply([step]);
      // The lowest allowed token, which has nothing to do with the phrases while the choice is free.
      const token = finite(step.scores).find((one) => !baseTokenizer.control.has(baseTokenizer.tokenOf(one)!));
      generated.push(token!);
    }
    const text = baseTokenizer.decode(generated);
    expect(text).toContain("thank you");
    expect(text).toContain("bye");
  });

  it("notes how many tokens it allowed", () => {
    const facts: unknown[] = [];
    const row = { ...rowOf({ rule }, yes!), note: (fact: unknown) => facts.push(fact) };
    rules.create().apply([row]);
    expect(facts).toEqual([{ rules: { allowed: 1, masked: V - 1 } }]);
  });

  it("refuses a text that broke the rule before", () => {
    const row = rowOf({ rule }, [...yes!, ...no!]);
    expect(() => rules.create().apply([row])).toThrow(/the rule does not allow the token/);
  });
});
