import { expect, test } from "vitest";
import { BYTE_OF, byteCharacters, bytesOfCharacters } from "../../../shared/model/byte-level.ts";

test("256 characters represent the 256 bytes, and printable ones represent themselves", () => {
  expect(new Set(BYTE_OF.values()).size).toBe(256);
  expect(BYTE_OF.size).toBe(256);
  expect(["A", "~", "é", "Ġ", "Ċ", "Ń"].map((character) => BYTE_OF.get(character))).toEqual([
    65, 126, 233, 32, 10, 173,
  ]);
});

test("a text's bytes as characters, and back", () => {
  const text = "é a\n\u{1f642}";
  expect(byteCharacters("é a\n")).toBe("Ã©ĠaĊ");
  expect(bytesOfCharacters(byteCharacters(text))).toEqual(new TextEncoder().encode(text));
});

test("a token with other characters stands for its own text", () => {
  expect(bytesOfCharacters("Ġ 日")).toEqual(new TextEncoder().encode("Ġ 日"));
});
