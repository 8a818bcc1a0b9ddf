import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

test.each<[string, object, object]>([
  [
    "chat",
    { messages: [system("s"), user("q"), assistant("a")] },
    { kind: "chat", messages: [system("s"), user("q"), assistant("a")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
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
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
