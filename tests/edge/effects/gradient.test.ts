/** What a gradient does to texts of the embedded base, in the heap that a server has by default. */
import { beforeAll, expect, it } from "vitest";
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { drawReview } from "../../../infra/base/corpus/reviews.ts";
import {
  type SentimentClassifier,
  trainSentimentClassifier,
} from "../../../infra/base/evaluation/sentiment-classifier.ts";
import { gradient } from "../../../shared/decode/steering/gradient.ts";
import { type Embedded, embedded, type Written, write } from "./embedded.ts";

const TEXTS = { prompt: "Review of a hotel:", count: 12, tokens: 20, seed: 5 };
const SETTINGS = { id: "sentiment", step_size: 0.4, gm_scale: 0.8 };

let served: Embedded;
/** It knows no model: it counts words of reviews that the base has not seen. */
let judge: SentimentClassifier;
let plain: Written;
const positive = ({ texts }: Written) => texts.filter((text) => judge.positive(text) > 0.5).length / texts.length;

beforeAll(async () => {
  const random = createRandom(3, "judge");
  const reviews = Array.from({ length: 400 }, () => drawReview(true, random));
  judge = trainSentimentClassifier(reviews.map(({ continuation: text, sentiment }) => ({ text, sentiment })));
  served = await embedded();
  plain = await write(served, TEXTS);
});

it("moves the mood of reviews, at little cost in fluency", { timeout: 600_000 }, async () => {
  expect(positive(plain)).toBeGreaterThan(0.4);
  expect(positive(plain)).toBeLessThan(0.6);
  const asked = gradient.schema.parse({ ...SETTINGS, label: "positive" });
  const steered = await write(served, { ...TEXTS, steering: { gradient: asked } });
  expect(positive(steered)).toBeGreaterThanOrEqual(0.85);
  expect(steered.perplexity / plain.perplexity).toBeLessThan(1.4);
});

it("is refused by size where the heap has no room for it", async () => {
  const tight = await embedded(72 * 1024 * 1024);
  const asked = gradient.schema.parse({ ...SETTINGS, label: "positive" });
  const texts = write(tight, { ...TEXTS, tokens: 480, steering: { gradient: asked } });
  await expect(texts).rejects.toMatchObject({
    code: "invalid_request",
    param: "steering.gradient",
    message: expect.stringMatching(
      /^`gradient` needs \d+\.\d MB for a text of up to 480 tokens after \d+, but this model has room for \d+\.\d MB:/,
    ),
  });
});
