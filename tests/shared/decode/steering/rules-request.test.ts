import { describe, expect, it } from "vitest";
import { rulesRequest } from "../../../../shared/decode/steering/rules-request.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { RULE_LIMITS } from "../../../../shared/rules/limits.ts";

const issue = (rules: unknown) => rulesRequest.safeParse(rules).error?.issues[0];
const deep = (depth: number): unknown => (depth === 0 ? {} : { items: deep(depth - 1) });

describe("rulesRequest", () => {
  it("takes each shape with phrases, and nothing at all", () => {
    const phrases = { banned: ["a"], required: ["b"] };
    for (const shape of [
      { json_schema: { type: "object" } },
      { json_schema: true },
      { regex: "a" },
      { choice: ["a"] },
      { grammar: 'root ::= "a"' },
      {},
    ]) {
      expect(rulesRequest.parse({ ...shape, ...phrases })).toEqual({ ...shape, ...phrases });
    }
  });

  it("takes one shape at most, and says which there are", () => {
    expect(issue({ regex: "a", grammar: "b" })?.message).toBe(
      "must have at most one of json_schema, regex, choice, grammar",
    );
  });

  it("fills a scorer's settings in, also where it is only named", () => {
    const scorer = { name: "judge", strength: 1, candidates: 8, every: 1, deadline_ms: 1000, on_timeout: "open" };
    expect(rulesRequest.parse({ scorer: "judge" })).toEqual({ scorer });
    expect(rulesRequest.parse({ scorer: { name: "judge" } })).toEqual({ scorer });
    const closed = { ...scorer, on_timeout: "closed", every: 4 };
    expect(rulesRequest.parse({ scorer: closed })).toEqual({ scorer: closed });
  });

  it.each<[field: string, at: unknown, past: unknown]>([
    ["regex", "a".repeat(RULE_LIMITS.regexLength), "a".repeat(RULE_LIMITS.regexLength + 1)],
    ["regex", "a", ""],
    ["grammar", "a".repeat(RULE_LIMITS.grammarLength), "a".repeat(RULE_LIMITS.grammarLength + 1)],
    ["choice", ["a"], []],
    ["choice", new Array(RULE_LIMITS.choices).fill("a"), new Array(RULE_LIMITS.choices + 1).fill("a")],
    ["banned", new Array(RULE_LIMITS.banned).fill("a"), new Array(RULE_LIMITS.banned + 1).fill("a")],
    ["required", new Array(RULE_LIMITS.required).fill("a"), new Array(RULE_LIMITS.required + 1).fill("a")],
    ["banned", ["a".repeat(LIMITS.phraseLength)], ["a".repeat(LIMITS.phraseLength + 1)]],
    ["required", ["a"], [""]],
    ["json_schema", deep(120), deep(3000)],
    ["json_schema", { enum: new Array(1000).fill(1) }, { enum: new Array(20_000).fill(1) }],
  ])("takes %s at its bound and refuses it past it, by name", (field, at, past) => {
    expect(issue({ [field]: at })).toBeUndefined();
    expect(issue({ [field]: past })?.path[0]).toBe(field);
  });

  it.each([
    ["strength", LIMITS.scorerStrength, LIMITS.scorerStrength + 1],
    ["candidates", 1, 0],
    ["candidates", LIMITS.scorerCandidates, LIMITS.scorerCandidates + 1],
    ["every", 1024, 1025],
    ["deadline_ms", 10, 9],
    ["deadline_ms", LIMITS.scorerDeadlineMs, LIMITS.scorerDeadlineMs + 1],
    ["on_timeout", "open", "perhaps"],
  ])("takes a scorer's %s of %s and refuses %s", (field, at, past) => {
    expect(issue({ scorer: { name: "judge", [field]: at } })).toBeUndefined();
    expect(issue({ scorer: { name: "judge", [field]: past } })).toBeDefined();
  });

  it("refuses an unknown field", () => {
    expect(issue({ forbidden: [] })).toMatchObject({ code: "unrecognized_keys", keys: ["forbidden"] });
  });
});
