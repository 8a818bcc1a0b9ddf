import { describe, expect, it } from "vitest";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { requestError } from "../../../shared/api/parse.ts";
import { LIMITS } from "../../../shared/limits.ts";

const body = { model: "m", messages: [{ role: "user", content: "hi" }] };
const takes = (fields: Record<string, unknown>) => CreateChatCompletion.safeParse({ ...body, ...fields }).success;
const takesReply = (fields: Record<string, unknown>) =>
  takes({ messages: [...body.messages, { role: "assistant", content: "a", ...fields }] });

const TOOL = { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } };

/** For unsupported fields: their neutral values, and one that is not neutral. */
const NEUTRAL: Readonly<Record<string, { readonly nothing: readonly unknown[]; readonly something: unknown }>> = {
  functions: { nothing: [[]], something: [{ name: "f" }] },
  function_call: { nothing: ["none", "auto"], something: { name: "f" } },
  modalities: { nothing: [["text"]], something: ["text", "audio"] },
  reasoning_effort: { nothing: ["none"], something: "low" },
  verbosity: { nothing: ["medium"], something: "high" },
  service_tier: { nothing: ["auto", "default"], something: "flex" },
  response_format: { nothing: [{ type: "text" }], something: { type: "xml" } },
  stream_options: { nothing: [{}, { include_obfuscation: false }], something: { include_nothing: true } },
  prompt_cache_options: { nothing: [{}, { mode: "implicit", ttl: "30m" }], something: { mode: "explicit" } },
  logprobs: { nothing: [false], something: "yes" },
  top_k: { nothing: [0, -1], something: -2 },
  min_p: { nothing: [0], something: 2 },
  repetition_penalty: { nothing: [1], something: 0 },
  stop: { nothing: ["", [], [""]], something: Array.from("abcdefghijklmnopq") },
  seed: { nothing: [-1, 2 ** 62], something: 0.5 },
};

describe("CreateChatCompletion", () => {
  it.each(Object.entries(NEUTRAL))("takes the values of %s that ask for nothing, and no others", (name, values) => {
    for (const value of values.nothing) expect(takes({ [name]: value }), JSON.stringify(value)).toBe(true);
    expect(takes({ [name]: values.something })).toBe(false);
  });

  it("takes whatever a label or a hint holds", () => {
    for (const parallel of [true, false]) expect(takes({ parallel_tool_calls: parallel })).toBe(true);
    for (const retention of ["in_memory", "24h"]) expect(takes({ prompt_cache_retention: retention })).toBe(true);
    expect(takes({ prompt_cache_key: "k", safety_identifier: "s", user: "u", metadata: { a: "b" } })).toBe(true);
    const hinted = { type: "text", text: "a", cache_control: { type: "ephemeral" } };
    expect(takes({ messages: [{ role: "user", content: [hinted] }] })).toBe(true);
  });

  it("takes tools, and turns in which they are called", () => {
    for (const choice of ["none", "auto", "required"]) expect(takes({ tools: [TOOL], tool_choice: choice })).toBe(true);
    const call = { id: "1", type: "function", function: { name: "f", arguments: "{}" } };
    const answer = { role: "tool", tool_call_id: "1", content: [{ type: "text", text: "a" }] };
    const turns = [...body.messages, { role: "assistant", tool_calls: [call] }, answer];
    expect(takes({ messages: turns })).toBe(true);
    expect(takes({ messages: turns.slice(0, 2) })).toBe(false);
    expect(takes({ tool_choice: "required" })).toBe(false);
  });

  it("names every field of OpenAI's that it does not support", () => {
    for (const name of ["audio", "prediction", "moderation", "web_search_options"]) {
      const { error } = CreateChatCompletion.safeParse({ ...body, [name]: {} });
      expect(requestError(error!, body)).toMatchObject({ code: "unsupported_parameter", param: name });
    }
  });

  it("takes a reply of the API back, with the fields that SDKs add to it", () => {
    for (const added of [{}, { parsed: { a: 1 } }, { tool_calls: [], annotations: [] }, { refusal: "no" }]) {
      expect(takesReply(added), JSON.stringify(added)).toBe(true);
    }
    expect(takesReply({ content: undefined })).toBe(true);
    expect(takesReply({ content: [{ type: "refusal", refusal: "no" }] })).toBe(true);
    expect(takesReply({ reasoning_content: "so", name: "bot" })).toBe(true);
    expect(takesReply({ tool_calls: [{ id: "1" }] })).toBe(false);
    expect(takesReply({ annotations: [{ type: "url_citation" }] })).toBe(false);
    expect(takesReply({ audio: { id: "a" } })).toBe(false);
    expect(takesReply({ function_call: { name: "f" } })).toBe(false);
  });

  it("takes the name of whoever wrote a message", () => {
    for (const role of ["system", "developer", "user", "assistant"]) {
      expect(takes({ messages: [{ role, content: "a", name: "alice" }] }), role).toBe(true);
    }
    expect(takes({ messages: [{ role: "user", content: "a", name: "x".repeat(65) }] })).toBe(false);
  });

  it("caps what could be made large", () => {
    const message = body.messages[0];
    expect(takes({ messages: Array.from({ length: LIMITS.messages }, () => message) })).toBe(true);
    expect(takes({ messages: Array.from({ length: LIMITS.messages + 1 }, () => message) })).toBe(false);
    expect([takes({ n: LIMITS.choices }), takes({ n: LIMITS.choices + 1 })]).toEqual([true, false]);
    expect(takes({ max_tokens: LIMITS.maxTokens + 1 })).toBe(false);
  });
});
