import { describe, expect, it } from "vitest";
import {
  isUnpairedRecord,
  parseUnpaired,
  readUnpairedRecord,
  requireBothLabels,
} from "../../../shared/data/unpaired-preference.ts";

const read = (value: unknown) => readUnpairedRecord(value, { number: 3, unit: "line", file: "k.jsonl" });
const user = (content: string) => ({ role: "user", content });
const reply = (content: string) => ({ role: "assistant", content });

describe("readUnpairedRecord", () => {
  it("reads texts, turns and whole conversations", () => {
    expect(read({ prompt: "a", completion: "b", label: true, id: 1 })).toEqual({
      unpaired: { prompt: "a", completion: "b", label: true },
      ignored: ["id"],
    });
    expect(read({ prompt: [user("a")], completion: [reply("b")], label: 0 }).unpaired).toEqual({
      ...{ prompt: [user("a")], completion: [reply("b")], label: false },
    });
    const tools = [{ type: "function", function: { name: "add" } }];
    expect(read({ messages: [user("a"), reply("b")], label: false, tools }).unpaired).toEqual({
      ...{ prompt: [user("a")], completion: [reply("b")], label: false, tools },
    });
  });

  it.each([
    ["a list", [], "line 3 of k.jsonl is not a JSON object"],
    ["another record", { text: "a", label: true }, "line 3 of k.jsonl is no labelled completion: its fields are"],
    [
      "no label",
      { prompt: "a", completion: "b" },
      "label: must be true for a desirable completion or false for another",
    ],
    ["a word", { prompt: "a", completion: "b", label: "good" }, "label: must be true"],
    ["an empty completion", { prompt: "a", completion: " ", label: true }, "completion: must not be empty"],
    ["an empty turn", { messages: [user("a"), reply("")], label: true }, "messages: must not be empty"],
    ["no answer", { messages: [reply("x"), user("a")], label: true }, "messages: must end with the assistant's answer"],
    ["no prompt", { messages: [reply("x")], label: true }, "messages: must have a prompt and an answer"],
    ["a missing prompt", { completion: "b", label: true }, "prompt: must be a text, not empty"],
  ])("refuses %s", (_, value, message) => {
    expect(() => read(value)).toThrow(
      expect.objectContaining({ code: "invalid_file", message: expect.stringContaining(message) }),
    );
  });
});

it("gives every line of a file, and ends at the first that is wrong", () => {
  const text = '{"type":"metadata"}\n{"prompt":"a","completion":"b","label":true}\n{"prompt":"a","completion":"b"}\n';
  const lines = parseUnpaired(new TextEncoder().encode(text), { name: "k.jsonl" });
  expect(lines.next().value).toEqual({ line: 2, unpaired: { prompt: "a", completion: "b", label: true } });
  expect(() => lines.next()).toThrow("line 3 of k.jsonl: label");
});

it("asks a file for both labels", () => {
  const line = (label: boolean) => ({ line: 1, unpaired: { prompt: "a", completion: "b", label } });
  expect(() => requireBothLabels([line(true), line(true)], "k")).toThrow("every line of k has the label true");
  expect(() => requireBothLabels([line(true), line(false)], "k")).not.toThrow();
});

it("knows a labelled completion by its columns", () => {
  expect(isUnpairedRecord({ completion: "b", label: false })).toBe(true);
  expect(isUnpairedRecord({ messages: [], label: 1 })).toBe(true);
  for (const value of [{ completion: "b" }, { completion: "b", label: "x" }, { text: "a", label: true }]) {
    expect(isUnpairedRecord(value)).toBe(false);
  }
});
