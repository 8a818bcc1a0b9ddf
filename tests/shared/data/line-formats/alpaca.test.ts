import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });

test.each<[string, object, object]>([
  [
    "Alpaca",
    { instruction: "i", input: "x", output: "o", text: "all" },
    { kind: "chat", messages: [user("i\n\nx"), assistant("o")] },
  ],
  [
    "an empty input",
    { instruction: "i", input: null, output: "o" },
    { kind: "chat", messages: [user("i"), assistant("o")] },
  ],
  [
    "LLaMA-Factory's system and history",
    { instruction: "i", output: "o", system: "s", history: [["b", "c"]] },
    { kind: "chat", messages: [system("s"), user("b"), assistant("c"), user("i"), assistant("o")] },
  ],
  [
    "Dolly with an input, as GPTeacher has it",
    { instruction: "i", input: "x", response: "r" },
    { kind: "chat", messages: [user("i\n\nx"), assistant("r")] },
  ],
  [
    "Alpaca with a context and an input",
    { instruction: "i", context: "c", input: "x", output: "o" },
    { kind: "chat", messages: [user("i\n\nx\n\nc"), assistant("o")] },
  ],
  [
    "Dolly",
    { instruction: "i", context: "c", response: "r", category: "qa" },
    { kind: "chat", messages: [user("i\n\nc"), assistant("r")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ instruction: "i", output: 1 }, "line 7 of d.jsonl: output: must be a text, not the number 1"],
  [{ instruction: "i", response: ["r"] }, "line 7 of d.jsonl: response: must be a text, not a list"],
  [{ instruction: "i", output: "o", history: [["b"]] }, "history: must be a list of pairs"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
