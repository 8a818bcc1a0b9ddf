import { describe, expect, test } from "vitest";
import { Copies } from "../../../../shared/data/inspect/copies.ts";
import { lineTexts } from "../../../../shared/data/inspect/line-texts.ts";

const pause = async () => {};
const pair = (line: number, prompt: string, completion: string) =>
  lineTexts(line, [{ kind: "completion", prompt, completion }]);
const open = (maxBytes = 1e7) => new Copies({ similarity: 0.7, maxBytes });

const LONG = "the harbour wakes before the town does and men carry crates across the wet stones while gulls argue";

describe("Copies", () => {
  test("tells copies from lines that only ask the same", async () => {
    const copies = open();
    copies.add(pair(1, "what is bread made of", "flour and water"));
    copies.add(pair(2, "what is bread made of", "flour and water"));
    copies.add(pair(4, "what is bread made of", "salt, mostly"));
    copies.add(pair(5, LONG, "yes"));
    copies.add(pair(6, LONG, "no"));
    expect(await copies.find(pause)).toMatchObject({
      lines: 5,
      compared: 5,
      complete: true,
      exact: [{ line: 2, earlier_line: 1 }],
      near: [{ line: 6, earlier_line: 5 }],
      clusters: [[5, 6]],
      prompts: [
        { line: 4, earlier_line: 1 },
        { line: 6, earlier_line: 5 },
      ],
      overlaps: [],
    });
  });

  test("names how a line is in a held-out file by what tells most, for its repetitions too", async () => {
    const copies = open();
    copies.addHeldOut(0, pair(10, "what is bread made of", "flour and water"));
    copies.addHeldOut(1, pair(20, LONG, "they argue about the scraps"));
    copies.add(pair(1, "what is bread made of", "flour and water"));
    copies.add(pair(2, "what is bread made of", "salt"));
    copies.add(pair(3, LONG, "they argue about scraps"));
    copies.add(pair(4, `${LONG} and ${"so on ".repeat(30)}`, "a reply of its own"));
    copies.add(pair(5, LONG, "they argue about scraps"));
    copies.add(pair(6, "an honest question", "an honest reply"));
    const { overlaps } = await copies.find(pause);
    expect(overlaps.map(({ line, file, other_line, kind }) => [line, file, other_line, kind])).toEqual([
      [1, 0, 10, "exact"],
      [2, 0, 10, "prompt"],
      [3, 1, 20, "near"],
      [4, 1, 20, "ngrams"],
      [5, 1, 20, "near"],
    ]);
  });

  test("says so where memory ends before the file does", async () => {
    const copies = open(20_000);
    for (let line = 1; line <= 200; line++) copies.add(pair(line, `question number ${line} of all`, `reply ${line}`));
    copies.add(pair(201, "question number 1 of all", "reply 1"));
    const found = await copies.find(pause);
    expect(found.complete).toBe(false);
    expect(found.compared).toBeLessThan(found.lines);
    expect(found.exact).toEqual([{ line: 201, earlier_line: 1 }]);
  });
});
