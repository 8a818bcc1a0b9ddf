import { describe, expect, it } from "vitest";
import type { AskedRule } from "../../../edge/serving/compiled-rules.ts";
import type { GenerateRequest } from "../../../edge/serving/protocol.ts";
import { replyRule } from "../../../edge/serving/reply-rule.ts";
import { rulesRequest } from "../../../shared/decode/steering/rules-request.ts";

/** What was asked of which rules. */
function asked(request: Partial<GenerateRequest> & { rules?: unknown }, calls?: unknown) {
  const all: [string, AskedRule][] = [];
  const rules = (name: string) => ({
    get(rule: AskedRule) {
      all.push([name, rule]);
      return `rule ${all.length}`;
    },
  });
  const { rules: given, ...rest } = request;
  const steering =
    given === undefined
      ? {}
      : { steering: { parts: {}, models: {}, conditional: [], rules: rulesRequest.parse(given) } };
  const whole = { tenant: "acme", prompt: { kind: "text", prompts: ["x"] }, ...rest, ...steering } as GenerateRequest;
  const model = { chatRules: rules("chat"), textRules: rules("text") } as never;
  return { rule: replyRule(model, whole, calls as never), all };
}

const format = { spec: { json_object: true }, param: "response_format" } as const;
const calls = {
  rule: { spec: { grammar: "root ::= x" }, param: "tools", parts: [{ spec: { regex: "a" }, param: "t" }] },
};
const CHAT = { kind: "chat", messages: [] } as const;

describe("replyRule", () => {
  it("is none where nothing is asked for", () => {
    for (const request of [{}, { rules: {} }, { rules: { banned: [], required: [] } }]) {
      expect(asked(request)).toEqual({ rule: null, all: [] });
    }
  });

  it("asks the rules of chats for chats, and those of texts for completions", () => {
    expect(asked({ format, prompt: CHAT }).all[0]![0]).toBe("chat");
    expect(asked({ format }).all[0]![0]).toBe("text");
  });

  it.each([
    ["json_schema", { type: "object" }],
    ["json_schema", true],
    ["regex", "a+"],
    ["choice", ["a", "b"]],
    ["grammar", 'root ::= "a"'],
  ])("compiles %s of the steering, and names it", (shape, value) => {
    const { rule, all } = asked({ rules: { [shape]: value } });
    expect(rule).toBe("rule 1");
    expect(all).toEqual([["text", { tenant: "acme", spec: { [shape]: value }, param: `steering.rules.${shape}` }]]);
  });

  it("adds phrases to whatever else there is, and names them where they are alone", () => {
    const phrases = { banned: ["x"], required: ["y"] };
    expect(asked({ rules: phrases }).all[0]![1]).toEqual({
      tenant: "acme",
      spec: null,
      param: "steering.rules.banned",
      phrases,
    });
    expect(asked({ rules: { required: ["y"] } }).all[0]![1]).toMatchObject({
      param: "steering.rules.required",
      phrases: { banned: [], required: ["y"] },
    });
    expect(asked({ rules: { ...phrases, regex: "a" } }).all[0]![1]).toMatchObject({ spec: { regex: "a" }, phrases });
    expect(asked({ rules: phrases, format }).all[0]![1]).toMatchObject({ ...format, phrases });
    expect(asked({ rules: phrases, prompt: CHAT }, calls).all[0]![1]).toMatchObject({ ...calls.rule, phrases });
  });

  it("puts calls before a response format, which then is that of what is no call", () => {
    expect(asked({ format, prompt: CHAT }, calls).all[0]![1]).toMatchObject(calls.rule);
  });

  it.each([
    ["a response format", { format }, undefined, "response_format"],
    ["tools", { prompt: CHAT }, calls, "tools"],
  ])("refuses a shape beside %s, which says what the whole text is too", (_, request, given, other) => {
    expect(() => asked({ ...request, rules: { regex: "a" } }, given)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.rules.regex",
        message: `\`steering.rules.regex\` says what the whole text is, and so does \`${other}\`. Send one of them.`,
      }),
    );
  });
});
