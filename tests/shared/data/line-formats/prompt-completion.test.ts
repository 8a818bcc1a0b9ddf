import { expect, test } from "vitest";
import { parseTrainingLine } from "../../../../shared/data/training-lines.ts";

test.each<[string, object, object]>([])("%s is read", (_name, line, example) => {
  expect(parseTrainingLine(line, 1)).toEqual(example);
});

test.each<[unknown, string]>([
  [{ prompt: "p", completion: "" }, "line 7 of d.jsonl: completion: must not be empty"],
  [{ prompt: 1, completion: "c" }, "line 7 of d.jsonl: prompt: Invalid input: expected string, received number"],
])("%j is refused", (line, message) => {
  expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
});
