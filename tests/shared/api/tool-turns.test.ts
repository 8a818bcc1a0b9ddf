import { describe, expect, it } from "vitest";
import { MessageToolCall, turnProblem } from "../../../shared/api/tool-turns.ts";

const call = (given: unknown, more: Record<string, unknown> = {}) => ({
  id: "call_1",
  type: "function",
  function: { name: "f", arguments: given, ...more },
});

describe("a call in a message", () => {
  it.each([
    call("{}"),
    call('{"a": [1]}'),
    call(""),
    call({ a: { b: null } }),
    call("{}", { parsed_arguments: null }),
    { ...call("{}"), index: 0 },
  ])("may be %j", (value) => {
    expect(MessageToolCall.safeParse(value).error).toBeUndefined();
  });

  it.each([
    call("[]"),
    call("1"),
    call("{"),
    call("null"),
    call(undefined),
    call("{}", { name: "a b" }),
    { ...call("{}"), id: "" },
    { ...call("{}"), id: undefined },
    { ...call("{}"), type: "custom" },
    { id: "call_1", function: { name: "f", arguments: "{}" } },
  ])("may not be %j", (value) => {
    expect(MessageToolCall.safeParse(value).success).toBe(false);
  });
});

describe("turns", () => {
  const user = { role: "user" };
  const assistant = (...ids: string[]) => ({ role: "assistant", tool_calls: ids.map((id) => ({ id })) });
  const tool = (id: string) => ({ role: "tool", tool_call_id: id });

  it.each([
    [[user]],
    [[user, assistant("a"), tool("a")]],
    [[user, assistant("a", "b"), tool("b"), tool("a"), { role: "assistant" }, user]],
    [[user, assistant("a"), tool("a"), assistant("a"), tool("a"), user]],
    [[assistant(), user]],
  ])("%j", (messages) => {
    expect(turnProblem(messages)).toBeUndefined();
  });

  it.each([
    [[tool("a")], ["messages", 0, "tool_call_id"], /must answer one of/],
    [[user, { role: "assistant" }, tool("a")], ["messages", 2, "tool_call_id"], /must answer one of/],
    [[user, assistant("a"), tool("b")], ["messages", 2, "tool_call_id"], /must be one of "a"/],
    [[user, assistant("a"), tool("a"), tool("a")], ["messages", 3, "tool_call_id"], /another message answers/],
    [[user, assistant("a", "b"), tool("a"), user], ["messages", 1, "tool_calls"], /"b" has none/],
    [[user, assistant("a")], ["messages", 1, "tool_calls"], /"a" has none/],
    [[user, assistant("a", "a"), tool("a")], ["messages", 1, "tool_calls", 1, "id"], /must differ/],
    [[user, assistant("a"), tool("a"), user, tool("a")], ["messages", 4, "tool_call_id"], /must answer one of/],
  ])("are refused: %j", (messages, path, message) => {
    expect(turnProblem(messages)).toMatchObject({ path, message: expect.stringMatching(message) });
  });
});
