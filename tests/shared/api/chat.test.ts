import { describe, expect, it } from "vitest";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { LIMITS } from "../../../shared/limits.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }] };
const takes = (fields: Record<string, unknown>) => CreateChatCompletion.safeParse({ ...body, ...fields }).success;

describe("CreateChatCompletion", () => {
  it("takes null for every field that may be left out", () => {
    const optional = Object.keys(CreateChatCompletion.shape).filter((name) => !(name in body));
    expect(optional.length).toBeGreaterThan(25);
    expect(takes(Object.fromEntries(optional.map((name) => [name, null])))).toBe(true);
  });

  it("takes a reply of the API back, with the fields that SDKs add to it", () => {
    const reply = {
      role: "assistant",
      content: "a",
      refusal: null,
      tool_calls: null,
      function_call: null,
      audio: null,
      annotations: null,
    };
    expect(takes({ messages: [reply] })).toBe(true);
    expect(takes({ messages: [{ ...reply, tool_calls: [] }] })).toBe(false);
    expect(takes({ messages: [{ ...reply, content: null }] })).toBe(false);
  });

  it("caps what could be made large", () => {
    const message = body.messages[0];
    expect(takes({ messages: Array.from({ length: LIMITS.messages }, () => message) })).toBe(true);
    expect(takes({ messages: Array.from({ length: LIMITS.messages + 1 }, () => message) })).toBe(false);
    expect([takes({ n: LIMITS.choices }), takes({ n: LIMITS.choices + 1 })]).toEqual([true, false]);
    expect([takes({ seed: -5 }), takes({ seed: 1.5 })]).toEqual([true, false]);
    expect(takes({ max_tokens: LIMITS.maxTokens + 1 })).toBe(false);
  });
});
