import { describe, expect, it } from "vitest";
import { chatMessages } from "../../../edge/routes/response-input.ts";
import { CreateResponse } from "../../../shared/api/responses.ts";

const messagesOf = (input: unknown, instructions?: string) =>
  chatMessages(CreateResponse.parse({ model: "m", input, ...(instructions === undefined ? {} : { instructions }) }));
const call = (id: string) => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: id,
  name: "f",
  arguments: `{"a":"${id}"}`,
});
const chatCall = (id: string) => ({ id, type: "function", function: { name: "f", arguments: `{"a":"${id}"}` } });
const result = (id: string, output: unknown = "x") => ({ type: "function_call_output", call_id: id, output });

describe("the input of a response", () => {
  it("is a text, or messages, after the instructions", () => {
    expect(messagesOf("hi", "Be brief.")).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ]);
    const parts = [
      { type: "output_text", text: "a" },
      { type: "refusal", refusal: "b" },
    ];
    expect(messagesOf([{ role: "assistant", content: parts }])).toEqual([{ role: "assistant", content: "ab" }]);
  });

  it("puts calls into the turn of the text before them, or into one of their own", () => {
    const user = { role: "user", content: "q" };
    expect(
      messagesOf([user, call("1"), call("2"), result("2"), result("1", [{ type: "input_text", text: "y" }])]),
    ).toEqual([
      user,
      { role: "assistant", tool_calls: [chatCall("1"), chatCall("2")] },
      { role: "tool", tool_call_id: "2", content: "x" },
      { role: "tool", tool_call_id: "1", content: "y" },
    ]);
    expect(messagesOf([user, { role: "assistant", content: "I look." }, call("1"), result("1")])).toEqual([
      user,
      { role: "assistant", content: "I look.", tool_calls: [chatCall("1")] },
      { role: "tool", tool_call_id: "1", content: "x" },
    ]);
  });

  it.each([
    [[result("1")], "input[0]", /function_call items before it/],
    [["q", call("1"), result("2")], "input[2]", /must be one of "1"/],
    [["q", call("1"), "q"], "input[1]", /must be followed by a function_call_output for each call, and "1" has none/],
    [["q", call("1"), call("2"), result("1")], "input[1]", /"2" has none/],
  ])("has a result for each call, and a call for each result", (items, param, message) => {
    const input = items.map((item) => (item === "q" ? { role: "user", content: "q" } : item));
    expect(() => messagesOf(input, "Be brief.")).toThrow(
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringMatching(message) }),
    );
  });
});
