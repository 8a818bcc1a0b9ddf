import { expect, it } from "vitest";
import { syllablesOf } from "../../../../shared/evaluation/text/syllables.ts";

/** Counted by syllapy. */
it.each([
  ["cat", 1],
  ["table", 2],
  ["absolutely", 4],
  ["science", 2],
  ["unique", 2],
  ["Harbour!", 2],
  ["self-care", 2],
  ["rhythm", 1],
  ["the", 1],
  ["abc1", 0],
  ["--", 0],
  ["", 0],
])("%s has %i", (word, count) => {
  expect(syllablesOf(word)).toBe(count);
});
