import { describe, expect, it } from "vitest";
import { CompiledRules } from "../../../edge/serving/compiled-rules.ts";
import { createVocabulary } from "../../../shared/rules/vocabulary.ts";

const VOCABULARY = createVocabulary({
  size: 4,
  bytesOf: (token) => Uint8Array.of(0x61 + token),
  control: new Map([["<end>", 3]]),
  endTokens: [3],
});
const ask = (text: string, tenant = "a") => ({ spec: { text }, tenant, param: "tools" });

describe("CompiledRules", () => {
  it("compiles a rule once for a tenant, and not for another one with it", () => {
    let made = 0;
    const rules = new CompiledRules(() => {
      made++;
      return VOCABULARY;
    });
    const first = rules.get(ask("ab"));
    expect(first.start().accept(0)).toBe(true);
    expect(rules.get(ask("ab"))).toBe(first);
    expect(rules.get(ask("ab", "b"))).not.toBe(first);
    expect(rules.get(ask("ba"))).not.toBe(first);
    expect(made).toBe(3);
  });

  it("forgets what was not asked for longest", () => {
    const rules = new CompiledRules(() => VOCABULARY);
    const [kept, dropped] = [rules.get(ask("a")), rules.get(ask("b"))];
    for (let n = 1; n <= 15; n++) {
      rules.get(ask("c".repeat(n)));
      expect(rules.get(ask("a"))).toBe(kept);
    }
    expect(rules.get(ask("b"))).not.toBe(dropped);
  });

  it("names the field of a rule that nothing satisfies", () => {
    const rules = new CompiledRules(() => VOCABULARY);
    const spec = { json_schema: { type: "integer", minimum: 2, maximum: 1 } };
    const either = { anyOf: [{ text: "ab" }, spec] };
    expect(() => rules.get({ spec: either, tenant: "a", param: "tools" })).not.toThrow();
    const parts = [
      { spec: { text: "a" }, param: "tools[0]" },
      { spec, param: "tools[1]" },
    ];
    for (const whole of [{ sequence: [either] }, spec]) {
      expect(() => rules.get({ spec: whole, tenant: "a", param: "tools", parts })).toThrow(
        expect.objectContaining({ code: "invalid_request", param: "tools[1]" }),
      );
    }
    expect(() => rules.get({ spec, tenant: "a", param: "tools" })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "tools" }),
    );
  });
});
