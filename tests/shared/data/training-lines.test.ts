import { describe, expect, test } from "vitest";
import { parseTrainingFile, parseTrainingLine } from "../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });

describe("refusals name the line, the field and what was wrong", () => {
  test.each<[unknown, string]>([
    [[], "line 7 of d.jsonl is not a JSON object"],
    [null, "line 7 of d.jsonl is not a JSON object"],
    [{}, "line 7 of d.jsonl fits no known format: its fields are none; expected messages (chat); prompt + completion"],
    [{ prompt: "x", text: "y" }, 'line 7 of d.jsonl fits no known format: its fields are "prompt", "text"; expected'],
    [{ messages: [] }, "line 7 of d.jsonl: messages: must not be empty"],
  ])("%j", (line, message) => {
    expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(message);
    expect(() => parseTrainingLine(line, 7, "d.jsonl")).toThrow(
      expect.objectContaining({
        name: "TrimtabError",
        code: "invalid_file",
        data: expect.objectContaining({ line: 7 }),
      }),
    );
  });

  test("the field is in the error's data", () => {
    expect(() => parseTrainingLine({ messages: [user("q"), { role: "user" }] }, 2)).toThrow(
      expect.objectContaining({ data: { line: 2, field: "messages[1].content" } }),
    );
  });
});

test("a file is read line by line, formats mixed, and refused at the first line that is wrong", () => {
  const lines = ['{"prompt":"p","completion":"c"}', '{"inputs":"i","targets":"t"}', '{"prompt":"p"}'];
  const read = (count: number) => [
    ...parseTrainingFile(new TextEncoder().encode(lines.slice(0, count).join("\n")), { name: "d.jsonl" }),
  ];
  expect(read(2).map(({ line, example }) => [line, example.kind])).toEqual([
    [1, "completion"],
    [2, "chat"],
  ]);
  expect(() => read(3)).toThrow("line 3 of d.jsonl fits no known format");
});
