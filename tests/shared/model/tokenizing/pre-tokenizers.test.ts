import { expect, test } from "vitest";
import { createPreTokenizer } from "../../../../shared/model/tokenizing/pre-tokenizers.ts";

// tests/golden/tokenizer/options.json holds these to the Rust library; here is what its texts do not reach.
const pieces = (part: { type: string }, text: string) =>
  createPreTokenizer(part)([{ text, place: "start" }]).map((piece) => piece.text);

test("digits are numerals of every script", () => {
  expect(pieces({ type: "Digits", individual_digits: true } as { type: string }, "a١٢½Ⅷ三")).toEqual([
    "a",
    "١",
    "٢",
    "½",
    "Ⅷ",
    "三",
  ]);
  expect(pieces({ type: "Digits" }, "a١٢½b")).toEqual(["a", "١٢½", "b"]);
});

test("every stretch of punctuation and white space, as Unicode has it", () => {
  expect(pieces({ type: "Punctuation" }, "a.。b")).toEqual(["a", ".", "。", "b"]);
  expect(pieces({ type: "WhitespaceSplit" }, "a\u0085b\ufeffc")).toEqual(["a", "b\ufeffc"]);
});

test("lengths count characters", () => {
  expect(pieces({ type: "FixedLength", length: 2 } as { type: string }, "𝔘𝔫𝔦")).toEqual(["𝔘𝔫", "𝔦"]);
});

test("only the first piece of a text gets the mark of the first word", () => {
  const part = {
    type: "Sequence",
    pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Metaspace", replacement: "▁", prepend_scheme: "first" }],
  };
  expect(pieces(part, "a b")).toEqual(["▁a", "b"]);
  expect(pieces(part, " a b")).toEqual(["a", "b"]);
});

test("two settings of one thing that contradict each other are refused", () => {
  const part = { type: "Metaspace", replacement: "▁", add_prefix_space: false, prepend_scheme: "always" };
  expect(() => createPreTokenizer(part)).toThrow("add_prefix_space: false and prepend_scheme");
});

test("an unknown type and a wrong field are refused by name", () => {
  expect(() => createPreTokenizer({ type: "UnicodeScripts" })).toThrow('pre_tokenizer type "UnicodeScripts" is not');
  const split = { type: "Split", pattern: { String: "a" }, behavior: "Sometimes" };
  expect(() => createPreTokenizer(split)).toThrow("invalid at pre_tokenizer.behavior (Split)");
});
