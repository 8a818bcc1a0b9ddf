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
    { store: true },
    { tools: [{ type: "web_search" }] },
    { tool_choice: "required" },
    { truncation: "auto" },
    { prompt: { id: "p" } },
    { context_management: [{ type: "compaction" }] },
  ])("names what it does not support: %j", (fields) => {
    const [name] = Object.keys(fields);
    expect(refusal(fields)).toMatchObject({ code: "unsupported_parameter", param: name });
  });

  it("names what it does not support inside a field", () => {
    expect(refusal({ text: { format: { type: "json_schema" } } })).toMatchObject({ param: "text.format.type" });
    expect(refusal({ reasoning: { effort: "high" } })).toMatchObject({ param: "reasoning.effort" });
    expect(refusal({ input: [{ type: "function_call_output", call_id: "1", output: "x" }] })).toMatchObject({
      code: "unsupported_parameter",
      param: "input[0].type",
    });
    expect(refusal({ input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] })).toMatchObject({
      code: "unsupported_parameter",
      param: "input[0].content[0].type",
    });
    expect(refusal({ input: undefined })).toMatchObject({ message: "`input` is required." });
  });

  it("takes an earlier response's output as input", () => {
    const part = { type: "output_text", text: "a", annotations: [], logprobs: [], parsed: 1 };
    const output = { id: "msg_1", type: "message", role: "assistant", status: "completed", content: [part] };
    expect(takes({ input: [{ role: "user", content: "q" }, output] })).toBe(true);
  });
});
