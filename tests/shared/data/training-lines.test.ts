import { describe, expect, test } from "vitest";
import { parseTrainingFile, parseTrainingLine } from "../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

describe("formats", () => {
  test.each<[string, object, object]>([
    [
      "chat",
      { messages: [system("s"), user("q"), assistant("a")] },
      { kind: "chat", messages: [system("s"), user("q"), assistant("a")] },
    ],
    [
      "chat with weights",
      { messages: [user("q"), { ...assistant("a"), weight: 0 }] },
      { kind: "chat", messages: [user("q"), { ...assistant("a"), weight: 0 }] },
    ],
    [
      "chat with a developer",
      { messages: [{ role: "developer", content: "d" }, assistant("a")] },
      { kind: "chat", messages: [system("d"), assistant("a")] },
    ],
    [
      "chat with content parts",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
        ],
      },
      { kind: "chat", messages: [user("ab")] },
    ],
    [
      "chat with tools",
      {
        messages: [
          user("q"),
          {
            role: "assistant",
            content: null,
            tool_calls: [{ type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", content: "r", tool_call_id: "1" },
        ],
        tools: [{ type: "function", function: { name: "f" } }],
      },
      {
        kind: "chat",
        messages: [
          user("q"),
          {
            role: "assistant",
            content: "",
            tool_calls: [{ type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", content: "r", tool_call_id: "1" },
        ],
        tools: [{ type: "function", function: { name: "f" } }],
      },
    ],
    ["prompt and completion", { prompt: "p", completion: " c" }, { kind: "completion", prompt: "p", completion: " c" }],
    [
      "ShareGPT",
      {
        id: "1",
        system: "s",
        conversations: [
          { from: "human", value: "q" },
          { from: "gpt", value: "a", weight: 0 },
        ],
      },
      { kind: "chat", messages: [system("s"), user("q"), { ...assistant("a"), weight: 0 }] },
    ],
    [
      "Alpaca",
      { instruction: "i", input: "x", output: "o", text: "all" },
      { kind: "chat", messages: [user("i\n\nx"), assistant("o")] },
    ],
    [
      "Alpaca without input",
      { instruction: "i", input: "", output: "o" },
      { kind: "chat", messages: [user("i"), assistant("o")] },
    ],
    [
      "Dolly",
      { instruction: "i", context: "c", response: "r", category: "qa" },
      { kind: "chat", messages: [user("i\n\nc"), assistant("r")] },
    ],
    [
      "OpenOrca",
      { id: "niv.1", system_prompt: "s", question: "q", response: "r" },
      { kind: "chat", messages: [system("s"), user("q"), assistant("r")] },
    ],
    [
      "OpenOrca without a system prompt",
      { system_prompt: "", question: "q", response: "r" },
      { kind: "chat", messages: [user("q"), assistant("r")] },
    ],
    [
      "FLAN",
      { inputs: "i", targets: "t", task: "rte", template_idx: 3 },
      { kind: "chat", messages: [user("i"), assistant("t")] },
    ],
    [
      "Natural Instructions",
      { definition: ["d"], inputs: "i", targets: ["t", "u"], task_name: "task001" },
      { kind: "chat", messages: [user("d\n\ni"), assistant("t")] },
    ],
  ])("%s", (_name, line, example) => {
    expect(parseTrainingLine(line, 1)).toEqual(example);
  });
});

describe("refusals name the line, the field and what was wrong", () => {
  test.each<[unknown, string]>([
    [[], "line 7 of d.jsonl is not a JSON object"],
    [null, "line 7 of d.jsonl is not a JSON object"],
    [{}, "line 7 of d.jsonl fits no known format: its fields are none; expected messages (chat); prompt + completion"],
    [{ prompt: "x", text: "y" }, 'line 7 of d.jsonl fits no known format: its fields are "prompt", "text"; expected'],
    [{ messages: [] }, "line 7 of d.jsonl: messages: must not be empty"],
    [{ messages: "x" }, "line 7 of d.jsonl: messages: Invalid input: expected array, received string"],
    [{ messages: [user("q")], extra: 1 }, 'line 7 of d.jsonl: Unrecognized key: "extra"'],
    [
      { messages: [user("q"), { role: "asistant", content: "a" }] },
      "line 7 of d.jsonl: messages[1].role: must be system, developer, user, assistant or tool",
    ],
    [{ messages: [{ role: "user" }] }, "line 7 of d.jsonl: messages[0].content: must be a text"],
    [{ messages: [{ role: "user", content: 5 }] }, "line 7 of d.jsonl: messages[0].content: must be a text"],
    [
      { messages: [{ role: "assistant", content: null }] },
      "line 7 of d.jsonl: messages[0].content: must be a text where there are no tool_calls",
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }] },
      "messages[0].content[0].type: only text parts can be trained on",
    ],
    [{ messages: [{ ...user("q"), weight: 1 }] }, 'messages[0]: Unrecognized key: "weight"'],
    [{ messages: [{ ...assistant("a"), weight: 0.5 }] }, "messages[0].weight: must be 0 or 1"],
    [{ prompt: "p", completion: "" }, "line 7 of d.jsonl: completion: must not be empty"],
    [{ prompt: 1, completion: "c" }, "line 7 of d.jsonl: prompt: Invalid input: expected string, received number"],
    [{ conversations: [{ from: "alien", value: "x" }] }, "line 7 of d.jsonl: conversations[0].from: Invalid option"],
    [{ instruction: "i", output: "o", __proto__x: 1 }, 'Unrecognized key: "__proto__x"'],
  ])("%j", (line, message) => {
    expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
    expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(
      expect.objectContaining({
        name: "TrimtabError",
        code: "invalid_file",
        data: expect.objectContaining({ line: 7 }),
      }),
    );
  });

  test("the field is in the error's data", () => {
    expect(() => parseTrainingLine({ messages: [user("q"), { role: "user" }] }, 2)).toThrow(
      expect.objectContaining({ data: { line: 2, field: "messages[1].content" } }),
    );
  });
});

test("a file is read line by line, formats mixed, and refused at the first line that is wrong", () => {
  const lines = ['{"prompt":"p","completion":"c"}', '{"inputs":"i","targets":"t"}', '{"prompt":"p"}'];
  const read = (count: number) => [
    ...parseTrainingFile(new TextEncoder().encode(lines.slice(0, count).join("\n")), { name: "d.jsonl" }),
  ];
  expect(read(2).map(({ line, example }) => [line, example.kind])).toEqual([
    [1, "completion"],
    [2, "chat"],
  ]);
  expect(() => read(3)).toThrow("line 3 of d.jsonl fits no known format");
});
