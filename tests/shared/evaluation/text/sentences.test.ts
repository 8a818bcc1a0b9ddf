import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sentencesOf } from "../../../../shared/evaluation/text/sentences.ts";
import { wordTokens } from "../../../../shared/evaluation/text/word-tokens.ts";

const GOLDEN = new URL("../../../golden/instructions/verdicts.json", import.meta.url);
const { texts, sentences, words } = JSON.parse(readFileSync(GOLDEN, "utf8")) as {
  readonly texts: readonly string[];
  readonly sentences: readonly (readonly string[])[];
  readonly words: readonly (readonly string[])[];
};

describe("sentences and words", () => {
  it("are nltk's", () => {
    expect(texts.length).toBeGreaterThan(100);
    expect(texts.map(sentencesOf)).toEqual(sentences);
    expect(texts.map(wordTokens)).toEqual(words);
  });

  it("do not end at abbreviations and initials, unless the next word says so", () => {
    expect(sentencesOf("Mr. Smith saw J. Bach. He left etc. The end.")).toEqual([
      "Mr. Smith saw J. Bach.",
      "He left etc.",
      "The end.",
    ]);
    expect(sentencesOf('"Yes." (No.) Well')).toEqual(['"Yes."', "(No.)", "Well"]);
    expect(sentencesOf("")).toEqual([]);
  });
});
