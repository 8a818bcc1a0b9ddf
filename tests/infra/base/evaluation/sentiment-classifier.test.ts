import { expect, it } from "vitest";
import {
  heldOutReviewExamples,
  trainSentimentClassifier,
} from "../../../../infra/base/evaluation/sentiment-classifier.ts";

const classifier = trainSentimentClassifier(heldOutReviewExamples(1, 1500));

it("judges at least 99 % of unseen continuations right", () => {
  const unseen = heldOutReviewExamples(2, 600);
  const right = unseen.filter(({ text, sentiment }) => classifier.positive(text) > 0.5 === (sentiment === "positive"));
  expect(right.length / unseen.length).toBeGreaterThanOrEqual(0.99);
});

it("judges single sentences, and leaves unknown words undecided", () => {
  expect(classifier.positive("The soup was excellent.")).toBeGreaterThan(0.7);
  expect(classifier.positive("It was a waste of money.")).toBeLessThan(0.3);
  expect(classifier.positive("zzz")).toBe(0.5);
  expect(classifier.positive("")).toBe(0.5);
});

it("is a function of its examples", () => {
  const again = trainSentimentClassifier(heldOutReviewExamples(1, 1500));
  expect(again.positive("The view was lovely.")).toBe(classifier.positive("The view was lovely."));
});
