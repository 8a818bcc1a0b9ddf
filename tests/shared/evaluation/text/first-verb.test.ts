import { expect, it } from "vitest";
import { beginsWithVerb } from "../../../../shared/evaluation/text/first-verb.ts";

/** As nltk's tagger decides. */
it.each([
  ["Explain the tide tables.", true],
  ["Write a letter.", true],
  ["Is it late?", true],
  ["Running along the beach is good.", true],
  ["Blorping the tide.", true],
  ["Describe the tide tables.", false],
  ["The writing of letters is old.", false],
  ["Harbours are old.", false],
  ["", false],
])("%s", (text, expected) => {
  expect(beginsWithVerb(text)).toBe(expected);
});
