import { describe, expect, test } from "vitest";
import { parseTrainingFile, parseTrainingLine } from "../../../shared/data/training-lines.ts";

const user = (content: string) => ({ role: "user", content });

describe("refusals name the line, the field and what was wrong", () => {
  test.each<[unknown, string]>([
    [[], "line 7 of d.jsonl is not a JSON object"],
    [null, "line 7 of d.jsonl is not a JSON object"],
    [{}, "line 7 of d.jsonl fits no known format: its fields are none; expected messages (chat); conversations"],
    [{ prompt: "x", more: "y" }, 'line 7 of d.jsonl fits no known format: its fields are "prompt", "more"; expected'],
    [{ data: [{ prompt: "x" }] }, 'its fields are "data"; if "data" is the list of examples, upload that list itself'],
    [
      { prompt: { "0": "a" }, completion: { "0": "b" } },
      'line 7 of d.jsonl holds whole columns, not one example; save the data with to_json(orient="records", lines=True)',
    ],
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

test("null counts as absent where a record fits two formats", () => {
  const line = { messages: null, prompt: "p", completion: "c" };
  expect(parseTrainingLine(line, 1)).toEqual({ kind: "completion", prompt: "p", completion: "c" });
});

test("a first line that describes the file is passed over, and only the first", () => {
  const file = (lines: string[]) => [...parseTrainingFile(new TextEncoder().encode(lines.join("\n")))];
  const [metadata, pair] = ['{"type":"metadata","version":2}', '{"prompt":"p","completion":"c"}'];
  expect(file([metadata, pair]).map(({ line }) => line)).toEqual([2]);
  expect(file(["", metadata, "", pair]).map(({ line }) => line)).toEqual([4]);
  expect(() => file([pair, metadata])).toThrow("line 2 of the file fits no known format");
});
