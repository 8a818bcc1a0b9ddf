import { expect, it } from "vitest";
import { compactClassifier, trainWordClassifier } from "../../../../infra/base/evaluation/train-word-classifier.ts";
import { highProbability } from "../../../../shared/evaluation/word-classifier.ts";

const examples = Array.from({ length: 200 }, (_, i) => ({
  text: i % 2 === 0 ? `please wait ${i}` : `wait now ${i}`,
  high: i % 2 === 0,
}));

it("learns which words tell, the same each time", () => {
  const classifier = trainWordClassifier(examples);
  expect(highProbability(classifier, "please")!).toBeGreaterThan(0.8);
  expect(highProbability(classifier, "now")!).toBeLessThan(0.2);
  expect(trainWordClassifier(examples)).toEqual(classifier);
});

it("keeps the weights that matter, rounded and in order", () => {
  const compact = compactClassifier({ bias: 0.12345, weights: { b: 1.23456, a: -0.5, c: 0.01 } }, 0.1);
  expect(compact).toEqual({ bias: 0.123, weights: { a: -0.5, b: 1.235 } });
  expect(Object.keys(compact.weights)).toEqual(["a", "b"]);
});
