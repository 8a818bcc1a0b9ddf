import { expect, it } from "vitest";
import { corpusText, parseCorpus } from "../../../shared/evaluation/corpus.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

it("gives its texts back", () => {
  const texts = ["one\n", "two <|im_end|>"];
  expect(parseCorpus(bytes(corpusText(texts)))).toEqual(texts);
});

it.each([
  ['{"text":"a"}\n{"txt":"b"}', "line 2: text is required"],
  ['{"text":""}', "line 1: text must not be empty"],
  ["[]", "line 1: the line must be an object"],
  ["{", "line 1"],
])("refuses %j as part of a model", (text, message) => {
  expect(() => parseCorpus(bytes(text))).toThrow(expect.objectContaining({ code: "invalid_model" }));
  expect(() => parseCorpus(bytes(text))).toThrow(message);
});
