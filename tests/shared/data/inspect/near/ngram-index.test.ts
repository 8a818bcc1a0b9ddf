import { describe, expect, test } from "vitest";
import { NgramIndex } from "../../../../../shared/data/inspect/near/ngram-index.ts";

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `word${from + at}`).join(" ");

describe("NgramIndex", () => {
  test("finds lines that share 13 words in a row, and no fewer", () => {
    const index = new NgramIndex(10_000);
    index.addHeldOut(7, numbered(0, 40));
    index.add(1, `before ${numbered(10, 23)} after`);
    index.add(2, `before ${numbered(10, 22)} after`);
    index.add(3, numbered(100, 140));
    index.add(4, numbered(0, 40));
    expect(index.hits).toEqual([
      { line: 1, heldOut: 7, share: 1 / 3 },
      { line: 4, heldOut: 7, share: 1 },
    ]);
  });

  test("passes over runs that many lines have, held out or not", () => {
    const template = "below is an instruction that describes a task write a response that completes it";
    const held = new NgramIndex(10_000);
    for (let at = 0; at < 11; at++) held.addHeldOut(at, `${template} ${numbered(100 * at, 100 * at + 20)}`);
    held.add(1, `${template} something else`);
    held.add(2, `${template} ${numbered(300, 320)}`);
    expect(held.hits.map(({ line, heldOut }) => [line, heldOut])).toEqual([[2, 3]]);
    const own = new NgramIndex(10_000);
    own.addHeldOut(0, template);
    for (let line = 1; line <= 11; line++) own.add(line, `${template} ${line}`);
    expect(own.hits).toEqual([]);
  });

  test("remembers many runs while it grows, up to its limit", () => {
    const index = new NgramIndex(50_000);
    for (let at = 0; at < 200; at++) index.addHeldOut(at, numbered(1000 * at, 1000 * at + 200));
    index.add(1, numbered(150_020, 150_060));
    expect(index.hits).toEqual([{ line: 1, heldOut: 150, share: 1 }]);
    expect(index.isWhole).toBe(true);
    const small = new NgramIndex(10);
    small.addHeldOut(0, numbered(0, 40));
    expect(small.isWhole).toBe(false);
  });
});
