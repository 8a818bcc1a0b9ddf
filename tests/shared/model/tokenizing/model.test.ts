import { expect, test } from "vitest";
import { byteOfToken, byteToken, byteTokenIds, vocabularyOf } from "../../../../shared/model/tokenizing/model.ts";

test("a vocabulary may have holes, and a token listed twice has its last id", () => {
  const { ids, tokens } = vocabularyOf([
    ["a", 0],
    ["b", 3],
    ["a", 2],
  ]);
  expect([...ids]).toEqual([
    ["a", 2],
    ["b", 3],
  ]);
  expect(tokens).toEqual([undefined, undefined, "a", "b"]);
});

test("byte tokens and their bytes", () => {
  for (let byte = 0; byte < 256; byte++) expect(byteOfToken(byteToken(byte))).toBe(byte);
  expect([byteToken(10), byteToken(255)]).toEqual(["<0x0A>", "<0xFF>"]);
  expect(["<0x0A", "<0x0G>", "a<0x0A>"].map(byteOfToken)).toEqual([undefined, undefined, undefined]);
});

test("a text is bytes only if the vocabulary has all of them", () => {
  const ids = new Map([
    ["<0xC3>", 7],
    ["<0xA9>", 8],
  ]);
  expect(byteTokenIds("é", ids)).toEqual([7, 8]);
  expect(byteTokenIds("éa", ids)).toBeUndefined();
});
