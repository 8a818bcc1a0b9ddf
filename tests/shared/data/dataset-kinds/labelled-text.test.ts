import { describe, expect, it } from "vitest";
import { Columns } from "../../../../shared/data/columns.ts";
import { readLabelledText } from "../../../../shared/data/dataset-kinds/labelled-text.ts";

const read = (record: Record<string, unknown>) =>
  readLabelledText(new Columns(record, { number: 3, unit: "line", file: "a.jsonl" }));
const reply = { role: "assistant", content: "last" };

describe("readLabelledText", () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ["a name", { text: "t", label: " good " }, "t", "good"],
    ["a number", { text: "t", label: 0 }, "t", "0"],
    ["a truth value", { text: "t", label: false }, "t", "false"],
    ["a 64-bit number, as Parquet has them", { text: "t", label: 3n }, "t", "3"],
    [
      "a chat",
      { messages: [{ role: "user", content: "q" }, { ...reply, content: "first" }, reply], label: "x" },
      "last",
      "x",
    ],
    ["a text beside a chat", { text: "t", messages: [reply], label: "x" }, "t", "x"],
  ])("%s", (_name, record, text, label) => {
    expect(read(record)).toEqual({ text, label });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ text: "t" }, "label: must be the name of a class, or a whole number, not empty"],
    [{ text: "t", label: "  " }, "label: must not be empty"],
    [{ text: "t", label: 0.5 }, "label: must be the name of a class, or a whole number, not the number 0.5"],
    [{ text: "t", label: ["a"] }, "label: must be the name of a class, or a whole number, not a list"],
    [{ text: "t", label: "x".repeat(65) }, "label: must have at most 64 characters, but has 65"],
    [{ text: " \n", label: "x" }, "text: must not be empty"],
    [{ text: 5, label: "x" }, "text: must be a text"],
    [{ messages: [{ role: "user", content: "q" }], label: "x" }, "messages: must have a message of the assistant"],
    [{ messages: [{ ...reply, content: "" }], label: "x" }, "messages: must not be empty"],
  ])("refuses %j", (record, problem) => {
    expect(() => read(record)).toThrow(
      expect.objectContaining({
        code: "invalid_file",
        message: expect.stringContaining(`line 3 of a.jsonl: ${problem}`),
      }),
    );
  });
});
