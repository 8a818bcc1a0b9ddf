import { expect, it } from "vitest";
import { beginsWithVerb } from "../../../../shared/evaluation/text/first-verb.ts";

it.each([
  ["Describe the tide tables.", true],
  ["Explain the tide tables.", true],
  ["Running along the beach is good.", true],
  ["The writing of letters is old.", false],
  ["Nothing happens here.", false],
  ["Blorping the tide.", true],
  ["Morning comes.", false],
  ["", false],
])("%s", (text, expected) => {
  expect(beginsWithVerb(text)).toBe(expected);
});
