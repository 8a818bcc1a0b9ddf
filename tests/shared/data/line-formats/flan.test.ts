import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test.each<[string, object, object]>([
  [
    "FLAN",
    { inputs: "i", targets: "t", task: "rte", template_idx: 3 },
    { kind: "chat", messages: [user("i"), assistant("t")] },
  ],
])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ inputs: "i", targets: [] }, "line 7 of d.jsonl: targets: must be a text, or a list with at least one text"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
