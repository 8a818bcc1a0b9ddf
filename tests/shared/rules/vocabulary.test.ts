import { describe, expect, it } from "vitest";
import { createVocabulary, hasBit, maskOf } from "../../../shared/rules/vocabulary.ts";
import { baseTokenizer, baseVocabulary } from "./vocabularies.ts";

/** The bytes of every token as the tree has them. */
function tokensOf({ tree }: typeof baseVocabulary): Map<number, string> {
  const found = new Map<number, string>();
  const path: { readonly end: number; readonly bytes: readonly number[] }[] = [{ end: tree.byte.length, bytes: [] }];
  for (let node = 1; node < tree.byte.length; node++) {
    while (node >= path.at(-1)!.end) path.pop();
    const bytes = [...path.at(-1)!.bytes, tree.byte[node]!];
    path.push({ end: tree.end[node]!, bytes });
    for (let i = tree.first[node]!; i < tree.first[node + 1]!; i++) {
      found.set(tree.tokens[i]!, Buffer.from(bytes).toString("hex"));
    }
  }
  return found;
}

describe("a vocabulary's tree", () => {
  it("has every token of the tokenizer but control tokens, with its bytes", () => {
    const found = tokensOf(baseVocabulary);
    const control = new Set(baseTokenizer.control.values());
    for (let token = 0; token < baseTokenizer.vocabSize; token++) {
      const bytes = Buffer.from(baseTokenizer.bytesOf(token)).toString("hex");
      expect(found.get(token)).toBe(control.has(token) ? undefined : bytes);
    }
    expect(baseVocabulary.writable.every(Boolean)).toBe(true);
  });

  it("keeps tokens with the same bytes, and leaves out those without any", () => {
    const texts = ["a", "", "ab", "a", "b"];
    const vocabulary = createVocabulary({
      size: 7,
      bytesOf: (token) => (texts[token] === undefined ? undefined : Buffer.from(texts[token])),
      control: new Map([["<end>", 5]]),
      endTokens: [5, 9],
    });
    expect([...tokensOf(vocabulary)].sort(([a], [b]) => a - b)).toEqual([
      [0, "61"],
      [2, "6162"],
      [3, "61"],
      [4, "62"],
    ]);
    expect(vocabulary.endTokens).toEqual([5]);
    expect(vocabulary.tree.longest).toBe(2);
  });

  it("is refused without a token that ends a text", () => {
    const source = { size: 2, bytesOf: () => Uint8Array.of(1), control: new Map(), endTokens: [2] };
    expect(() => createVocabulary(source)).toThrow(/no token that ends a text/);
  });
});

it("a mask has one bit for each token", () => {
  const mask = maskOf([0, 31, 32, 69], 70);
  expect(mask.length).toBe(3);
  expect(Array.from({ length: 70 }, (_, token) => token).filter((token) => hasBit(mask, token))).toEqual([
    0, 31, 32, 69,
  ]);
  expect(hasBit(mask, 1000)).toBe(false);
});
