import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

test.each<[string, object, object]>([
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
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ conversations: [{ from: "alien", value: "x" }] }, "line 7 of d.jsonl: conversations[0].from: Invalid option"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
