import { expect, test } from "vitest";
import { createUnigram } from "../../../../shared/model/tokenizing/unigram.ts";

const make = (options: object = {}) =>
  createUnigram({
    type: "Unigram",
    unk_id: 0,
    vocab: [
      ["<unk>", 0],
      ["a", -2],
      ["b", -2],
      ["ab", -3],
      ["aba", -7],
      ["<0xC3>", -9],
      ["<0xA9>", -9],
    ],
    ...options,
  });

test("the pieces with the highest sum of scores", () => {
  const { encode } = make();
  expect(["ab", "aba", "bab", ""].map(encode)).toEqual([[3], [3, 1], [2, 3], []]);
});

test("a run of unknown characters is one unknown token, or bytes", () => {
  expect(make().encode("aéxb")).toEqual([1, 0, 2]);
  expect(make({ byte_fallback: true }).encode("aéb")).toEqual([1, 5, 6, 2]);
  expect(make({ byte_fallback: true }).encode("aéxb")).toEqual([1, 0, 2]);
});

test("without an unknown token, unknown text is an error that says so", () => {
  expect(make({ unk_id: null }).encode("ab")).toEqual([3]);
  expect(() => make({ unk_id: null }).encode("x")).toThrow("no token for part of the text and no unk_id");
  expect(() => make({ unk_id: 99 })).toThrow("its unk_id 99 is not in the vocabulary");
});
