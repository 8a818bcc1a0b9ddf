import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test.each<[string, object, object]>([
  [
    "a text and its continuation",
    { prompt: "p", completion: "c" },
    { kind: "completion", prompt: "p", completion: "c" },
  ],
  [
    "a conversation and the turn that ends it, the only one trained",
    { prompt: [user("a"), assistant("b"), user("q")], completion: [assistant("r")] },
    { kind: "chat", messages: [user("a"), { ...assistant("b"), weight: 0 }, user("q"), assistant("r")] },
  ],
  [
    "a conversation and a text",
    { prompt: [user("q")], completion: "r" },
    { kind: "chat", messages: [user("q"), assistant("r")] },
  ],
  [
    "one message on each side",
    { prompt: user("q"), completion: assistant("r") },
    { kind: "chat", messages: [user("q"), assistant("r")] },
  ],
  ["a text alone", { text: "t", label: 3 }, { kind: "completion", prompt: "", completion: "t" }],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ prompt: "p", completion: "" }, "line 7 of d.jsonl: completion: must not be empty"],
  [{ prompt: 1, completion: "c" }, "line 7 of d.jsonl: prompt: must be a text, not the number 1"],
  [{ prompt: null, completion: "c" }, "line 7 of d.jsonl: prompt: must be a text, not empty"],
  [{ text: "" }, "line 7 of d.jsonl: text: must not be empty"],
  [{ prompt: "p", text: "t" }, "line 7 of d.jsonl: prompt: stands beside text alone; add the column that answers it"],
  [{ prompt: "p", completion: "c", label: false }, "label: marks good and bad completions"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
