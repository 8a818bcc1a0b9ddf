import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test.each<[string, object, object]>([
  [
    "Dolly",
    { instruction: "i", context: "c", response: "r", category: "qa" },
    { kind: "chat", messages: [user("i\n\nc"), assistant("r")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ instruction: "i", response: 1 }, "line 7 of d.jsonl: response: Invalid input: expected string, received number"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
