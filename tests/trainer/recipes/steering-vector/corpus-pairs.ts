/** Contrast pairs from the embedded base's corpus, and judges of what a steered base writes. */
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { REGISTER_SYSTEM_PROMPTS, REQUESTS } from "../../../../infra/base/corpus/registers.ts";
import { drawReview } from "../../../../infra/base/corpus/reviews.ts";
import {
  heldOutReviewExamples,
  trainSentimentClassifier,
} from "../../../../infra/base/evaluation/sentiment-classifier.ts";
import type { ContrastPair } from "../../../../shared/data/dataset-kinds/contrast-pairs.ts";

const user = (content: string) => ({ role: "user", content }) as const;
const asking = (request: string) => [`Ask me to ${request}.`, `How would you ask me to ${request}?`];

/** 24 pairs: the same question after the polite and the rude system prompt, about the first half of the requests. */
export function registerPairs(): ContrastPair[] {
  const side = (register: "polite" | "rude", question: string) => [
    { role: "system", content: REGISTER_SYSTEM_PROMPTS[register] } as const,
    user(question),
  ];
  return REQUESTS.slice(0, 12)
    .flatMap(asking)
    .map((question) => ({
      positive: side("polite", question),
      negative: side("rude", question),
    }));
}

/** Questions about the other half, without a system prompt. */
export const registerQuestions = REQUESTS.slice(12).map((request) => [user(`Ask me to ${request}.`)]);

export function isPolite(text: string): boolean {
  return /please|kind|grateful|thank/i.test(text) && !/quick|right now|fool|deaf|lazy/i.test(text);
}

/** 40 pairs of review texts of the same kind of item, without the openings. */
export function reviewPairs(): ContrastPair[] {
  const random = createRandom(5, "review pairs");
  const draw = (sentiment: "positive" | "negative") => {
    for (;;) {
      const review = drawReview(false, random);
      if (review.sentiment === sentiment) return review;
    }
  };
  return Array.from({ length: 40 }, () => {
    const good = draw("positive");
    return {
      prompt: `Review of a ${good.item}:`,
      positive: ` ${good.continuation}`,
      negative: ` ${draw("negative").continuation}`,
    };
  });
}

export const reviewPrompts = ["hotel", "film", "novel", "cafe", "lamp", "show", "book", "chair"].map(
  (item) => `Review of a ${item}:`,
);

/** Whether a review is positive, by a classifier that was trained on other reviews. */
export function reviewJudge(): (text: string) => boolean {
  const classifier = trainSentimentClassifier(heldOutReviewExamples(11, 2_000));
  return (text) => classifier.positive(text) > 0.5;
}
