import { expect, test } from "vitest";
import { parseTrainingLine, readTrainingRecord } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });
const QA = [user("q"), assistant("a")];

test.each<[string, object, object]>([
  ["chat", { messages: [system("s"), ...QA] }, { kind: "chat", messages: [system("s"), ...QA] }],
  ["the system text beside it", { system: "s", messages: QA }, { kind: "chat", messages: [system("s"), ...QA] }],
  [
    "a system text in parts",
    { system: [{ text: "s" }], messages: QA },
    { kind: "chat", messages: [system("s"), ...QA] },
  ],
  [
    "its own system text before the one beside it",
    { system: "other", messages: [system("s"), ...QA] },
    { kind: "chat", messages: [system("s"), ...QA] },
  ],
  [
    "ShareGPT",
    {
      id: "1",
      system: "s",
      conversations: [
        { from: "human", value: "q", weight: null },
        { from: "gpt", value: "a", weight: 0 },
      ],
    },
    { kind: "chat", messages: [system("s"), user("q"), { ...assistant("a"), weight: 0 }] },
  ],
  ["roles under ShareGPT's column", { conversations: QA }, { kind: "chat", messages: QA }],
  ["LMSYS", { conversation: QA, model: "m" }, { kind: "chat", messages: QA }],
  [
    "Gemini",
    {
      systemInstruction: { parts: [{ text: "s" }] },
      contents: [
        { role: "user", parts: [{ text: "q" }] },
        { role: "model", parts: [{ text: "a" }] },
      ],
    },
    { kind: "chat", messages: [system("s"), ...QA] },
  ],
  [
    "OpenAI's older functions",
    {
      messages: [user("q"), { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } }],
      functions: [{ name: "f", parameters: {} }],
    },
    {
      kind: "chat",
      messages: [
        user("q"),
        { ...assistant(""), tool_calls: [{ type: "function", function: { name: "f", arguments: "{}" } }] },
      ],
      tools: [{ type: "function", function: { name: "f", parameters: {} } }],
    },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test("what is not trained on is named, also within messages; null and empty are nothing", () => {
  const line = {
    id: 1,
    source: null,
    messages: [
      { ...user("q"), toxic: false, weight: 0 },
      { ...assistant("a"), id: "m", annotations: [], audio: null },
    ],
  };
  const { ignored } = readTrainingRecord(line, { number: 1, unit: "line", file: "d" });
  expect(ignored).toEqual(["id", "messages[].toxic", "messages[].id"]);
});

test("a weight that asks to learn the user's turns is named too", () => {
  const line = { messages: [{ ...user("q"), weight: 1 }, assistant("a")] };
  const { ignored } = readTrainingRecord(line, { number: 1, unit: "line", file: "d" });
  expect(ignored).toEqual(["messages[].weight of user messages"]);
});

test.each<[unknown, string]>([
  [{ messages: [] }, "line 7 of d.jsonl: messages: must not be empty"],
  [{ messages: "x" }, "line 7 of d.jsonl: messages: must be a list, or the JSON text of one"],
  [{ messages: 5 }, "line 7 of d.jsonl: messages: must be a list of messages, not the number 5"],
  [{ messages: ["hi"] }, "line 7 of d.jsonl: messages[0]: must be an object with role and content, not a text"],
  [
    { messages: "[{'role': 'user', 'content': 'q'}]" },
    "line 7 of d.jsonl: messages: is a list as Python prints it, not JSON; write the column with json.dumps",
  ],
  [
    { messages: [user("q"), { role: "asistant", content: "a" }] },
    "line 7 of d.jsonl: messages[1].role: must be system, developer, user, assistant or tool",
  ],
  [
    { conversations: [{ from: "alien", value: "x" }] },
    "line 7 of d.jsonl: conversations[0].from: must be system, human, gpt or tool",
  ],
  [{ messages: [{ role: "user" }] }, "line 7 of d.jsonl: messages[0].content: must be a text"],
  [{ messages: [{ role: "user", content: 5 }] }, "line 7 of d.jsonl: messages[0].content: must be a text"],
  [
    { messages: [{ role: "assistant", content: null }] },
    "line 7 of d.jsonl: messages[0].content: must be a text where there are no tool_calls",
  ],
  [
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }] },
    'messages[0].content[0].type: is "image_url", but only text parts can be trained on; remove the part or the whole record',
  ],
  [{ messages: [{ ...assistant("a"), weight: 0.5 }] }, "messages[0].weight: must be 0 or 1"],
  [
    { messages: [{ ...assistant("a"), refusal: "no" }] },
    "messages[0].refusal: cannot be trained on; put its text in content",
  ],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});

test("a conversation about an image is refused, even where its column was not read; a text about the tag is not", () => {
  const about = (columns: object) => ({ conversations: [user("<image>\nq"), assistant("a")], ...columns });
  for (const columns of [{ image: "a.jpg" }, { images: null }]) {
    expect(() => parseTrainingLine(about(columns), 3, "d")).toThrow(
      /^line 3 of d: conversations\[0\]: <image> stands for the image in `images?`, but only text can be trained on/,
    );
  }
  expect(parseTrainingLine(about({}), 1)).toMatchObject({ messages: [user("<image>\nq"), assistant("a")] });
  expect(parseTrainingLine({ messages: QA, image: "a.jpg" }, 1)).toMatchObject({ messages: QA });
});
