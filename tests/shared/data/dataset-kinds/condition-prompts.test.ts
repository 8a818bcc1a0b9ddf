import { describe, expect, it } from "vitest";
import {
  conditionPrompts,
  parseConditionPrompts,
  readConditionRecord,
} from "../../../../shared/data/dataset-kinds/condition-prompts.ts";

const read = (value: unknown) => readConditionRecord(value, { number: 2, unit: "line", file: "prompts.jsonl" });
const messages = [{ role: "user", content: "Hi" }];

describe("readConditionRecord", () => {
  it("reads texts and conversations with a label, and pairs as one of each", () => {
    expect(read({ text: "a", label: 1 })).toEqual([{ line: 2, text: "a", isPositive: true }]);
    expect(read({ text: "a", label: false })).toEqual([{ line: 2, text: "a", isPositive: false }]);
    expect(read({ messages, label: 0 })).toEqual([{ line: 2, text: messages, isPositive: false }]);
    expect(read({ positive: "a", negative: messages, prompt: "p" })).toEqual([
      { line: 2, prompt: "p", text: "a", isPositive: true },
      { line: 2, prompt: "p", text: messages, isPositive: false },
    ]);
  });

  it.each([
    [7, " is not a JSON object"],
    [{ question: "a" }, ' is no prompt: its fields are "question"; expected text + label, messages + label, or a pair'],
    [{ text: "a" }, ": label: must be 1 for a prompt to recognise or 0 for another, not empty"],
    [{ text: "a", label: "yes" }, ": label: must be 1 for a prompt to recognise or 0 for another, not a text"],
    [{ text: "a", label: 2 }, ": label: must be 1 for a prompt to recognise or 0 for another, not the number 2"],
    [{ text: " ", label: 1 }, ": text: must not be empty"],
    [{ text: 5, label: 1 }, ": text: must be a text, not the number 5"],
    [{ messages: [], label: 1 }, ": messages: must not be empty"],
    [{ positive: "a", negative: "a" }, ": negative: is the same as positive"],
  ])("refuses %j", (value, problem) => {
    expect(() => read(value)).toThrow(
      expect.objectContaining({
        code: "invalid_file",
        message: expect.stringContaining(`line 2 of prompts.jsonl${problem}`),
      }),
    );
  });
});

describe("parseConditionPrompts", () => {
  it("reads every line, of either kind", () => {
    const text = '{"text":"a","label":1}\n\n{"positive":"b","negative":"c"}\n';
    const found = [...parseConditionPrompts(new TextEncoder().encode(text))];
    expect(found.map(({ line, text, isPositive }) => [line, text, isPositive])).toEqual([
      [1, "a", true],
      [3, "b", true],
      [3, "c", false],
    ]);
  });
});

describe("conditionPrompts", () => {
  const row = (value: unknown) => conditionPrompts.read(value, { number: 1, unit: "line", file: "prompts" });

  it("takes labelled prompts and pairs", () => {
    expect(row({ text: "a", label: 1 })).toMatchObject({
      examples: [{ kind: "completion", prompt: "", completion: "a" }],
      ...{ layout: "prompt and label", group: "1", prompts: false },
    });
    expect(row({ messages, label: 0 })).toMatchObject({ group: "0", prompts: true });
    expect(row({ positive: "a", negative: "b" }).layout).toBe("contrast pair");
    for (const value of [
      { text: "a", label: 0 },
      { messages, label: 1 },
      { positive: "a", negative: "b" },
    ]) {
      expect(conditionPrompts.recognises(value)).toBe(true);
    }
    expect(conditionPrompts.recognises({ text: "a" })).toBe(false);
  });
});
