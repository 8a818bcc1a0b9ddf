import { describe, expect, it } from "vitest";
import {
  contrastPairs,
  isContrastRecord,
  parseContrastPairs,
  readContrastRecord,
} from "../../../../shared/data/dataset-kinds/contrast-pairs.ts";

const read = (value: unknown) => readContrastRecord(value, { number: 3, unit: "line", file: "pairs.jsonl" });
const chat = (content: string) => [
  { role: "user", content: "Hi" },
  { role: "assistant", content },
];

describe("readContrastRecord", () => {
  it("reads texts, conversations, and a prompt before both", () => {
    expect(read({ positive: "good", negative: "bad" }).pair).toEqual({ positive: "good", negative: "bad" });
    expect(read({ prompt: "It is", positive: " good", negative: " bad" }).pair.prompt).toBe("It is");
    expect(read({ prompt: null, positive: "good", negative: "bad" }).pair).not.toHaveProperty("prompt");
    expect(read({ positive: chat("good"), negative: chat("bad"), note: 1 })).toEqual({
      pair: { positive: chat("good"), negative: chat("bad") },
      ignored: ["note"],
    });
    expect(read({ prompt: [{ role: "user", content: "Hi" }], positive: "good", negative: "bad" }).pair.prompt).toEqual([
      { role: "user", content: "Hi" },
    ]);
  });

  it.each([
    ["a list", [], "line 3 of pairs.jsonl is not a JSON object"],
    [
      "another kind of record",
      { chosen: "a", rejected: "b" },
      'line 3 of pairs.jsonl is not a contrast pair: its fields are "chosen", "rejected"; expected positive and negative',
    ],
    ["an empty side", { positive: " \n", negative: "b" }, "line 3 of pairs.jsonl: positive: must not be empty"],
    [
      "an empty last turn",
      { positive: chat("a"), negative: chat("") },
      "line 3 of pairs.jsonl: negative: must not be empty",
    ],
    [
      "equal sides",
      { positive: chat("a"), negative: chat("a") },
      "line 3 of pairs.jsonl: negative: is the same as positive, and equal texts have no difference; change one of them",
    ],
    ["a number", { positive: 1, negative: "b" }, "line 3 of pairs.jsonl: positive: must be a text, not the number 1"],
    ["a list of numbers", { positive: "a", negative: [1] }, "line 3 of pairs.jsonl: negative[0]: must be an object"],
    ["an empty conversation", { positive: [], negative: "b" }, "line 3 of pairs.jsonl: positive: must not be empty"],
    [
      "an unknown role",
      { prompt: [{ role: "pirate", content: "a" }], positive: "a", negative: "b" },
      "line 3 of pairs.jsonl: prompt[0].role: must be",
    ],
  ])("refuses %s", (_, value, message) => {
    expect(() => read(value)).toThrow(
      expect.objectContaining({ code: "invalid_file", message: expect.stringContaining(message) }),
    );
  });
});

describe("parseContrastPairs", () => {
  it("gives every pair with its line, and skips a first line about the file", () => {
    const text = '{"type":"metadata","n":2}\n\n{"positive":"a","negative":"b"}\n{"positive":"c","negative":"d"}\n';
    const lines = [...parseContrastPairs(new TextEncoder().encode(text), { name: "pairs.jsonl" })];
    expect(lines).toEqual([
      { line: 3, pair: { positive: "a", negative: "b" } },
      { line: 4, pair: { positive: "c", negative: "d" } },
    ]);
  });

  it("ends at the first line that is wrong", () => {
    const lines = parseContrastPairs(new TextEncoder().encode('{"positive":"a","negative":"b"}\n{"positive":"a"}'));
    expect(lines.next().value).toMatchObject({ line: 1 });
    expect(() => lines.next()).toThrow("line 2 of the file is not a contrast pair");
  });
});

describe("isContrastRecord", () => {
  it("asks for both sides", () => {
    expect(isContrastRecord({ positive: "a", negative: null })).toBe(true);
    for (const value of [null, [], "a", { positive: "a" }]) expect(isContrastRecord(value)).toBe(false);
  });
});

describe("contrastPairs", () => {
  const row = (value: unknown) => contrastPairs.read(value, { number: 1, unit: "line", file: "pairs" });

  it("shows both sides as they are read", () => {
    expect(row({ prompt: "It is", positive: " good", negative: " bad" })).toEqual({
      examples: [" good", " bad"].map((completion) => ({ kind: "completion", prompt: "It is", completion })),
      ...{ layout: "contrast pair", ignored: [], trainable: true, prompts: false },
    });
    const { examples, prompts } = row({ prompt: "Hi", positive: chat("good"), negative: "bad" });
    expect(examples[0]).toEqual({ kind: "chat", messages: [{ role: "user", content: "Hi" }, ...chat("good")] });
    expect(prompts).toBe(false);
    expect(row({ positive: chat("good").slice(0, 1), negative: "bad" }).prompts).toBe(true);
  });

  it("knows a pair by its columns, and refuses what its reader refuses", () => {
    expect(contrastPairs.recognises({ positive: "a", negative: "b" })).toBe(true);
    expect(contrastPairs.recognises({ positive: "a", negative: null })).toBe(false);
    expect(() => row({ positive: "a", negative: "a" })).toThrow("is the same as positive");
  });
});
