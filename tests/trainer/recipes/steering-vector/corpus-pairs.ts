/** Contrast pairs from the embedded base's corpus, and judges of what a steered base writes. */
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { REGISTER_SYSTEM_PROMPTS, REQUESTS } from "../../../../infra/base/corpus/registers.ts";
import { drawReview } from "../../../../infra/base/corpus/reviews.ts";
import {
  heldOutReviewExamples,
  trainSentimentClassifier,
} from "../../../../infra/base/evaluation/sentiment-classifier.ts";
import { factProbes } from "../../../../infra/base/evaluation/sets.ts";
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

export interface ConditionedPrompt {
  readonly messages: readonly { readonly role: "user"; readonly content: string }[];
  /** 1: a request to word something. */
  readonly label: 0 | 1;
}

/** 24 requests to word something, and 24 questions about facts, in the same style of chat. */
export function conditionPrompts(): Record<"requests" | "questions", ConditionedPrompt[]> {
  const random = createRandom(9, "condition prompts");
  return {
    requests: REQUESTS.map((request) => ({ messages: [user(random.pick(asking(request)))], label: 1 })),
    questions: random
      .sample(factProbes(), 24)
      .map(({ prompt }) => ({ messages: [user(`Complete this: ${prompt}`)], label: 0 })),
  };
}
