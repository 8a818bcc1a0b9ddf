import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

test.each<[string, object, object]>([
  [
    "OpenOrca",
    { id: "niv.1", system_prompt: "s", question: "q", response: "r" },
    { kind: "chat", messages: [system("s"), user("q"), assistant("r")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ question: "q", response: "r", answer: "r" }, 'line 7 of d.jsonl: Unrecognized key: "answer"'],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
