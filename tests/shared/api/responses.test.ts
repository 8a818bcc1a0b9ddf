import { describe, expect, it } from "vitest";
import { requestError } from "../../../shared/api/parse.ts";
import { CreateResponse } from "../../../shared/api/responses.ts";

const body = { model: "m", input: "hi" };
const takes = (fields: Record<string, unknown>) => CreateResponse.safeParse({ ...body, ...fields }).success;
const refusal = (fields: Record<string, unknown>) => {
  const { error } = CreateResponse.safeParse({ ...body, ...fields });
  return requestError(error!, { ...body, ...fields });
};

describe("CreateResponse", () => {
  it.each([
    { instructions: "Be brief.", max_output_tokens: 5, temperature: 0, top_p: 1, top_k: 5 },
    { store: false, background: false, stream: false, truncation: "disabled", service_tier: "auto" },
    { tools: [], tool_choice: "auto", parallel_tool_calls: true, max_tool_calls: 3 },
    { tools: [{ type: "web_search" }], tool_choice: "none" },
    { tools: [{ type: "function", name: "f" }], tool_choice: "required" },
    {
      tools: [{ type: "function", name: "f", strict: true, description: "d" }],
      tool_choice: { type: "function", name: "f" },
    },
    { text: { format: { type: "text" }, verbosity: "medium" }, reasoning: { effort: "none" } },
    { include: ["reasoning.encrypted_content"], context_management: [], stream_options: { include_obfuscation: true } },
    { prompt_cache_key: "k", safety_identifier: "s", user: "u", metadata: { a: "b" } },
  ])("takes what it can do and what asks for nothing: %j", (fields) => {
    expect(CreateResponse.safeParse({ ...body, ...fields }).error).toBeUndefined();
  });

  it.each([
    { previous_response_id: "resp_1" },
    { conversation: "conv_1" },
    { background: true },
    { tools: [{ type: "web_search" }] },
    { truncation: "auto" },
    { prompt: { id: "p" } },
    { context_management: [{ type: "compaction" }] },
  ])("names what it does not support: %j", (fields) => {
    const [name] = Object.keys(fields);
    expect(refusal(fields)).toMatchObject({ code: "unsupported_parameter", param: name });
  });

  it("names what it does not support inside a field", () => {
    expect(refusal({ text: { format: { type: "xml" } } })).toMatchObject({ param: "text.format.type" });
    expect(refusal({ text: { format: { type: "json_schema" } } })).toMatchObject({ param: "text.format.name" });
    expect(refusal({ reasoning: { effort: "high" } })).toMatchObject({ param: "reasoning.effort" });
    expect(refusal({ input: [{ type: "reasoning", summary: [] }] })).toMatchObject({
      code: "unsupported_parameter",
      param: "input[0].type",
    });
    expect(refusal({ input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] })).toMatchObject({
      code: "unsupported_parameter",
      param: "input[0].content[0].type",
    });
    expect(refusal({ input: undefined })).toMatchObject({ message: "`input` is required." });
  });

  it("names what is wrong with tools and their choice", () => {
    const tools = [{ type: "function", name: "f" }];
    expect(refusal({ tools: [{ type: "function", name: "a b" }] })).toMatchObject({ param: "tools[0].name" });
    expect(refusal({ tools: [...tools, ...tools] })).toMatchObject({ param: "tools[1].name" });
    expect(refusal({ tools: [{ type: "function", name: "f", parameters: { type: "string" } }] })).toMatchObject({
      code: "invalid_request",
      param: "tools[0].parameters.type",
    });
    expect(refusal({ tools, tool_choice: { type: "function", name: "g" } })).toMatchObject({ param: "tool_choice" });
    expect(refusal({ tool_choice: "required" })).toMatchObject({ code: "invalid_request", param: "tool_choice" });
    expect(refusal({ tools, tool_choice: { type: "web_search_preview" } })).toMatchObject({
      param: "tool_choice.type",
    });
  });

  it("takes calls and their results as input", () => {
    const call = {
      type: "function_call",
      id: "fc_1",
      call_id: "call_1",
      name: "f",
      arguments: "{}",
      status: "completed",
    };
    const result = { type: "function_call_output", call_id: "call_1", output: "x" };
    expect(takes({ input: [{ role: "user", content: "q" }, call, result] })).toBe(true);
    expect(takes({ input: [{ ...result, output: [{ type: "input_text", text: "x" }] }] })).toBe(true);
    expect(takes({ input: [{ ...call, arguments: "[]" }] })).toBe(false);
    expect(takes({ input: [{ ...result, call_id: undefined }] })).toBe(false);
  });

  it("takes an earlier response's output as input", () => {
    const part = { type: "output_text", text: "a", annotations: [], logprobs: [], parsed: 1 };
    const output = { id: "msg_1", type: "message", role: "assistant", status: "completed", content: [part] };
    expect(takes({ input: [{ role: "user", content: "q" }, output] })).toBe(true);
  });
});
