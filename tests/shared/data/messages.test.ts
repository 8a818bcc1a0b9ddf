import { expect, test } from "vitest";
import { Columns } from "../../../shared/data/columns.ts";
import { readContent, readMessages } from "../../../shared/data/messages.ts";

const columns = (messages: unknown) => new Columns({ messages }, { number: 1, unit: "line", file: "d" });
const read = (...messages: unknown[]) => readMessages(columns(messages), "messages");

test("speakers have many names, in any case", () => {
  const roles = ["system", "Developer", "human", "USER", "gpt", "Chatbot", "model", "observation", "ipython"];
  expect(read(...roles.map((from) => ({ from, value: "x" }))).map(({ role }) => role)).toEqual([
    ...["system", "system", "user", "user", "assistant", "assistant", "assistant", "tool", "tool"],
  ]);
  expect(() => read({ role: "toString", content: "x" })).toThrow("messages[0].role: must be");
});

test("JSON text in a cell is a conversation as well", () => {
  expect(readMessages(columns('[{"role":"user","content":"q"}]'), "messages")).toEqual([
    { role: "user", content: "q" },
  ]);
});

test("text parts are joined, whatever API named them", () => {
  const parts = [{ type: "text", text: "a", image_url: null }, { text: "b" }, "c", { type: "input_text", text: "d" }];
  expect(readContent(columns([]), parts, "x")).toBe("abcd");
  expect(() => readContent(columns([]), [{ type: "text" }], "x")).toThrow("x[0].type: has no text");
  expect(() => readContent(columns([]), [], "x")).toThrow("x: must be a text");
});

test("a call in ShareGPT's form is a tool call", () => {
  const call = '{"name":"f","arguments":{"a":1}}';
  expect(read({ from: "function_call", value: call }, { from: "observation", value: "2" })).toEqual([
    {
      role: "assistant",
      content: "",
      tool_calls: [{ type: "function", function: { name: "f", arguments: { a: 1 } } }],
    },
    { role: "tool", content: "2" },
  ]);
  expect(() => read({ from: "function_call", value: "f(1)" })).toThrow("must be the JSON of a call");
});

test("what a template may show is passed on", () => {
  const turn = { role: "assistant", content: "a", reasoning_content: "t", name: "n" };
  expect(read(turn)).toEqual([turn]);
  expect(() => read({ ...turn, name: 5 })).toThrow("messages[0].name: must be a text, not the number 5");
});

test("weights are 0 or 1, as numbers of any kind or as yes and no", () => {
  const weights = [1.0, 0.0, true, false, null];
  const turns = read(...weights.map((weight) => ({ role: "assistant", content: "a", weight })));
  expect(turns.map(({ weight }) => weight)).toEqual([1, 0, 1, 0, undefined]);
});

test("a conversation without an end is refused", () => {
  const turns = Array.from({ length: 1001 }, () => ({ role: "user", content: "x" }));
  expect(() => read(...turns)).toThrow("messages: must have at most 1000 messages, but has 1001; split it");
});
