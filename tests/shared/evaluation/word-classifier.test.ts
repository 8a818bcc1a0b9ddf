import { expect, it } from "vitest";
import { highProbability, wordFeatures } from "../../../shared/evaluation/word-classifier.ts";

const classifier = { bias: 0.5, weights: { please: 2, "you fool": -3, fool: -1 } };
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

it("reads distinct words and pairs of neighbours, in lower case", () => {
  expect(wordFeatures("No, NO! Straße")).toEqual(["no", "straße", "no no", "no straße"]);
  expect(wordFeatures("12 …")).toEqual([]);
});

it("adds the weights of what it knows, whatever the text's length", () => {
  expect(highProbability(classifier, "Please wait here")).toBeCloseTo(sigmoid(2 + 0.5), 12);
  expect(highProbability(classifier, "you fool")).toBeCloseTo(sigmoid(-4 / Math.sqrt(2) + 0.5), 12);
});

it("leaves a text without a known word undecided", () => {
  expect([highProbability(classifier, "constructor toString"), highProbability(classifier, "")]).toEqual([null, null]);
});
