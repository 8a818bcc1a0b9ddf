import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test.each<[string, object, object]>([
  [
    "Alpaca",
    { instruction: "i", input: "x", output: "o", text: "all" },
    { kind: "chat", messages: [user("i\n\nx"), assistant("o")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([[{ instruction: "i", output: "o", __proto__x: 1 }, 'Unrecognized key: "__proto__x"']])(
  "%j is refused",
  (line, message) => {
    expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
  },
);
