import { describe, expect, it } from "vitest";
import { type InputMessages, inputMessages, referenceSteps } from "../../../shared/evals/input-messages.ts";

const reference = (item_reference: string): InputMessages => ({ type: "item_reference", item_reference });

it("fills a template in, message by message", () => {
  const template: InputMessages = {
    type: "template",
    template: [
      { role: "developer", content: "Be {{item.tone}}." },
      { role: "user", content: [{ type: "input_text", text: "{{item.words[1]}}" }, " now"] },
    ],
  };
  expect(inputMessages(template, { tone: "kind", words: ["a", "b"] })).toEqual([
    { role: "system", content: "Be kind." },
    { role: "user", content: "b now" },
  ]);
  expect(() => inputMessages(template, { tone: "kind" })).toThrow(
    "data_source.input_messages.template[1].content[0].text",
  );
});

describe("a reference", () => {
  it("finds messages, with parts of either API, and takes a text for a user's turn", () => {
    const turns = [
      { role: "system", content: "Be kind" },
      { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c", content: "1" },
    ];
    expect(inputMessages(reference("item.chat.turns"), { chat: { turns } })).toMatchObject([
      { role: "system", content: "Be kind" },
      { role: "user", content: [{ type: "text", text: "hi" }] },
      { role: "assistant", tool_calls: [{ id: "c" }] },
      { role: "tool", tool_call_id: "c" },
    ]);
    expect(inputMessages(reference("item.q"), { q: "hi" })).toEqual([{ role: "user", content: "hi" }]);
  });

  it.each([
    ["nothing", {}, "which the item does not have"],
    [
      "what is no message",
      {
        input: [
          { role: "user", content: "a" },
          { role: "nobody", content: "b" },
        ],
      },
      "item.input[1].role",
    ],
    ["no messages", { input: [] }, "holds no messages"],
    ["a number", { input: 3 }, "holds no messages"],
  ])("to %s says so", (_, item, problem) => {
    expect(() => inputMessages(reference("item.input"), item)).toThrow(problem);
  });

  it.each(["sample.output_text", "input", "item", "item.a}} {{item.b"])("%s is none", (path) => {
    expect(() => referenceSteps(path, "p")).toThrow(expect.objectContaining({ param: "p" }));
  });
});
