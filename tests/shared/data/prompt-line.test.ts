import { describe, expect, it } from "vitest";
import { isPromptRecord, parsePrompts, readPromptRecord } from "../../../shared/data/prompt-line.ts";

const place = { number: 3, unit: "line", file: "p.jsonl" } as const;
const user = { role: "user", content: "2 + 2?" };
const read = (value: unknown) => readPromptRecord(value, place);

describe("prompts", () => {
  it("are conversations that end with the user's turn, or texts; the whole line is the graders' item", () => {
    const line = { messages: [{ role: "developer", content: "Count." }, user], answer: "4", tags: ["sum"] };
    expect(read(line)).toEqual({
      example: { kind: "chat", messages: [{ role: "system", content: "Count." }, user] },
      item: line,
    });
    expect(read({ prompt: "2 + 2 =", answer: 4 })).toEqual({
      example: { kind: "completion", prompt: "2 + 2 =", completion: "" },
      item: { prompt: "2 + 2 =", answer: 4 },
    });
    expect(read({ prompt: [user] }).example).toEqual({ kind: "chat", messages: [user] });
  });

  it("keep earlier turns of the assistant, of which nothing is trained on", () => {
    const { example } = read({
      messages: [user, { role: "assistant", content: "4" }, { role: "user", content: "Sure?" }],
    });
    expect(example).toMatchObject({ messages: [user, { weight: 0 }, { content: "Sure?" }] });
  });

  it("may have tools, and may end with a tool's result", () => {
    const tools = [{ type: "function", function: { name: "add", parameters: {} } }];
    const call = {
      role: "assistant",
      tool_calls: [{ id: "c", type: "function", function: { name: "add", arguments: "{}" } }],
    };
    const { example } = read({ messages: [user, call, { role: "tool", tool_call_id: "c", content: "4" }], tools });
    expect(example).toMatchObject({ kind: "chat", tools });
    expect(() => read({ prompt: "2 + 2 =", tools })).toThrow("line 3 of p.jsonl: tools: need a prompt of messages");
  });

  it.each([
    [[], "is not a JSON object"],
    [{ question: "a" }, 'has no prompt: its fields are "question"; expected messages, or prompt'],
    [{ prompt: " " }, ": prompt: must not be empty"],
    [{ prompt: 4 }, ": prompt: must be a text, not the number 4"],
    [{ messages: [] }, ": messages: must not be empty"],
    [
      { messages: [user, { role: "assistant", content: "4" }] },
      "must end with the user's turn, not with assistant: the model writes that turn itself",
    ],
    [
      { messages: [{ role: "system", content: "Count." }] },
      "must end with the user's turn, not with system: the model needs a turn",
    ],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role: must be"],
  ])("refuse %j with the line", (value, message) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ code: "invalid_file" }));
    expect(() => read(value)).toThrow(message);
  });

  it("are told from lines that are answered", () => {
    expect(isPromptRecord({ messages: [user], answer: "4" })).toBe(true);
    expect(isPromptRecord({ prompt: "a" })).toBe(true);
    for (const answered of ["completion", "chosen", "completions"]) {
      expect(isPromptRecord({ prompt: "a", [answered]: "b" })).toBe(false);
    }
    expect(isPromptRecord({ messages: [user, { role: "assistant", content: "4" }] })).toBe(false);
    expect(isPromptRecord({ text: "a" })).toBe(false);
  });

  it("are read from a file with their lines, past a first line about the file", () => {
    const bytes = new TextEncoder().encode('{"type": "metadata"}\n\n{"prompt": "a"}\n{"prompt": "b", "x": 1}\n');
    expect([...parsePrompts(bytes)].map(({ line, item }) => [line, item])).toEqual([
      [3, { prompt: "a" }],
      [4, { prompt: "b", x: 1 }],
    ]);
  });
});
