import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { selfBleu } from "../../../../../shared/data/inspect/diversity/self-bleu.ts";

const { self_bleu: golden } = JSON.parse(
  readFileSync(new URL("../../../../golden/data-inspection/diversity.json", import.meta.url), "utf8"),
) as { readonly self_bleu: { readonly texts: readonly string[]; readonly value: number } };

test("selfBleu is the mean of NLTK's sentence BLEU of each text against the others", () => {
  expect(selfBleu(golden.texts)).toBeCloseTo(golden.value, 9);
});

test("selfBleu is 1 for copies, 0 for texts without a word in common, and null for one text", () => {
  expect(selfBleu(["one two three four five", "one two three four five"])).toBeCloseTo(1, 9);
  expect(selfBleu(["one two three four", "five six seven eight"])).toBe(0);
  expect(selfBleu(["one two", "..."])).toBeNull();
});
