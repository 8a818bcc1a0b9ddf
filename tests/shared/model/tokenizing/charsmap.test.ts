import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createCharsmap } from "../../../../shared/model/tokenizing/charsmap.ts";

// Compiled by SentencePiece from the rules at the top of tests/golden/make/tokenizer_options.py.
const golden = JSON.parse(readFileSync(new URL("../../../golden/tokenizer/options.json", import.meta.url), "utf8"));
const { file } = golden.configurations.find(({ name }: { name: string }) => name === "precompiled");
const compiled: string = file.normalizer.precompiled_charsmap;

test("characters and clusters are replaced by their rules, the rest stays", () => {
  const normalize = createCharsmap(compiled);
  expect(normalize("Ａ① cafe\u0301 ﬁne\u00adly\u3000☃\tz")).toBe("A1 café finely snow z");
  expect(normalize("e\u0301\u0301 日本\0")).toBe("é 日本\0");
  expect(normalize("")).toBe("");
});

test.each([
  ["not base64", "***"],
  ["too short", btoa("ab")],
  ["a trie larger than the blob", btoa("\xff\xff\0\0abcd")],
  ["no trie", btoa("\0\0\0\0")],
])("%s is refused", (_name, base64) => {
  expect(() => createCharsmap(base64)).toThrow(expect.objectContaining({ code: "invalid_model" }));
});

test("a trie that points outside itself replaces nothing", () => {
  const damaged = createCharsmap(btoa("\x04\0\0\0\xff\xff\xff\x7f"));
  expect(damaged("abc")).toBe("abc");
});
