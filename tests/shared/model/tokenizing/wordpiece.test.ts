import { expect, test } from "vitest";
import { createWordPiece } from "../../../../shared/model/tokenizing/wordpiece.ts";

const vocab = { "[UNK]": 0, un: 1, "##aff": 2, "##able": 3, "##a": 4, u: 5 };
const make = (options: object = {}) => createWordPiece({ type: "WordPiece", vocab, unk_token: "[UNK]", ...options });

test("the longest beginning, then the longest continuation", () => {
  expect(make().encode("unaffable")).toEqual([1, 2, 3]);
  expect(make().encode("ua")).toEqual([5, 4]);
});

test("a word with an unknown rest, or with too many characters, is unknown as a whole", () => {
  expect(make().encode("unx")).toEqual([0]);
  expect(make({ max_input_chars_per_word: 3 }).encode("unaffable")).toEqual([0]);
  expect(() => make({ unk_token: "<none>" }).encode("x")).toThrow("no token for part of the text and no unk_token");
});
