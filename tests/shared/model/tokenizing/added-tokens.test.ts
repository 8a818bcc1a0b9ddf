import { expect, test } from "vitest";
import { createTokenFinder, literalFinder } from "../../../../shared/model/tokenizing/added-tokens.ts";

const find = (options: object, text: string, content = "<t>") => {
  const token = { id: 0, single_word: false, lstrip: false, rstrip: false, ...options };
  return createTokenFinder(new Map([[content, token]]))(text).map(({ from, start, end, to }) => [from, start, end, to]);
};

test("a token takes white space on the sides that it strips, but none that is taken already", () => {
  expect(find({}, "a <t> b")).toEqual([[2, 2, 5, 5]]);
  expect(find({ lstrip: true }, "a \t<t> b")).toEqual([[1, 3, 6, 6]]);
  expect(find({ rstrip: true }, "a <t>\u0085 b\ufeff")).toEqual([[2, 2, 5, 7]]);
  expect(find({ lstrip: true, rstrip: true }, "<t> <t>")).toEqual([
    [0, 0, 3, 4],
    [4, 4, 7, 7],
  ]);
});

test("a single word does not touch letters, digits, marks or underscores", () => {
  for (const beside of ["a", "1", "_", "é", "\u0301", "日", "𝔘"]) {
    expect(find({ single_word: true }, `${beside}word`, "word")).toEqual([]);
    expect(find({ single_word: true }, `word${beside}`, "word")).toEqual([]);
  }
  for (const beside of [" ", "-", ".", "😀"]) {
    expect(find({ single_word: true }, `${beside}word${beside}`, "word")).toHaveLength(1);
  }
});

test("the longest token wins, whatever characters it has", () => {
  expect("a<t><t>a.*(".match(literalFinder(["<t>", "<t>a", ".*("]))).toEqual(["<t>", "<t>a", ".*("]);
  expect("abc".match(literalFinder([]))).toBeNull();
});
