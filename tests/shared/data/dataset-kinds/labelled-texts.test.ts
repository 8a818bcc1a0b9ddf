import { describe, expect, it } from "vitest";
import { labelledTexts } from "../../../../shared/data/dataset-kinds/labelled-texts.ts";

const place = { number: 1, unit: "line", file: "a" } as const;
const record = (label: unknown, more: object = {}) => labelledTexts.read({ text: "t", label, ...more }, place);

describe("texts with labels", () => {
  it("are recognised by both columns", () => {
    expect(labelledTexts.recognises({ text: "t", label: 0 })).toBe(true);
    expect(labelledTexts.recognises({ messages: [], label: "a" })).toBe(true);
    expect(labelledTexts.recognises({ text: "t", label: null })).toBe(false);
    expect(labelledTexts.recognises({ prompt: "t", label: "a" })).toBe(false);
  });

  it("are read with their label as the group, and what is left out", () => {
    expect(record("a", { id: 1 })).toEqual({
      examples: [{ kind: "completion", prompt: "", completion: "t" }],
      layout: "text and label",
      ignored: ["id"],
      trainable: true,
      group: "a",
    });
    expect(() => labelledTexts.read(7, place)).toThrow("line 1 of a is not a JSON object");
  });

  it("need two labels together, and at most 32", () => {
    const tally = labelledTexts.tally!();
    for (let n = 0; n < 32; n++) tally.add(record(n));
    tally.add(record(0));
    tally.end();
    expect(() => tally.add(record(32))).toThrow("more than 32 labels");
    const one = labelledTexts.tally!();
    one.add(record("same"));
    expect(() => one.end()).toThrow('all texts of the file have the label "same"; at least 2 labels are needed');
  });
});
