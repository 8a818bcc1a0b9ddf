import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { REGISTERS, REQUESTS, wordRequest } from "../../../../infra/base/corpus/registers.ts";
import { embeddedProbes, probesText } from "../../../../infra/base/evaluation/probes.ts";
import { heldOutReviewExamples } from "../../../../infra/base/evaluation/sentiment-classifier.ts";
import { parseProbes } from "../../../../shared/evaluation/probes.ts";
import { highProbability } from "../../../../shared/evaluation/word-classifier.ts";

const file = readFileSync(new URL("../../../../infra/base/model/evaluation.json", import.meta.url));
const probes = parseProbes(new Uint8Array(file));

it("the embedded base's file is what the sets make, and small", () => {
  expect(probesText(embeddedProbes())).toBe(file.toString("utf8"));
  expect(file.length).toBeLessThan(300_000);
  expect(probes.facts.length).toBeGreaterThan(900);
  expect(new Set(probes.tasks.map(({ task }) => task)).size).toBe(7);
  expect(probes.texts.length).toBeGreaterThan(64);
});

it("its classifiers tell the registers and the moods apart on texts that they were not trained on", () => {
  const [register, sentiment] = probes.styles;
  const random = createRandom(99, "unseen");
  const right = (classifier: typeof register, texts: readonly { text: string; high: boolean }[]) =>
    texts.filter(({ text, high }) => (highProbability(classifier!.classifier, text) ?? 0.5) > 0.5 === high).length /
    texts.length;
  const requests = Array.from({ length: 400 }, (_, i) => {
    const own = REGISTERS[i % 2]!;
    return { text: wordRequest(random.pick(REQUESTS), own, random), high: own === "polite" };
  });
  expect(right(register, requests)).toBe(1);
  const reviews = heldOutReviewExamples(31, 400).map(({ text, sentiment: own }) => ({
    text,
    high: own === "positive",
  }));
  expect(right(sentiment, reviews)).toBeGreaterThan(0.98);
});
