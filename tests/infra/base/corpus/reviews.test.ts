import { expect, it } from "vitest";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { createReviewDocuments, drawReview, SENTIMENTS, writeReview } from "../../../../infra/base/corpus/reviews.ts";

const MARKS = {
  positive: /loved|wonderful|best|very happy|made my day|great|enjoyed|gem/,
  negative: /hated|terrible|worst|unhappy|ruined|truly bad|disliked|letdown/,
};

it("opens with the sentiment that its label names", () => {
  const random = createRandom(1);
  const seen = new Set<string>();
  for (let i = 0; i < 400; i++) {
    const review = drawReview(false, random);
    seen.add(review.sentiment);
    const [other] = SENTIMENTS.filter((sentiment) => sentiment !== review.sentiment);
    expect(review.opening).toMatch(MARKS[review.sentiment]);
    expect(review.opening.replace("unhappy", "un-happy")).not.toMatch(MARKS[other!]);
    expect(review.label.toLowerCase()).not.toContain(other);
  }
  expect(seen.size).toBe(2);
});

it("holds out pairs of item and opening", () => {
  const random = createRandom(2);
  const held = new Set(Array.from({ length: 200 }, () => drawReview(true, random).opening));
  const write = createReviewDocuments(createRandom(3));
  const corpus = Array.from({ length: 2000 }, () => write().text).join("");
  for (const opening of held) expect(corpus).not.toContain(opening);
  expect(held.size).toBeGreaterThan(15);
});

it("writes label, opening and continuation on one line", () => {
  const review = {
    sentiment: "positive",
    item: "film",
    label: "",
    opening: "I loved it.",
    continuation: "Go.",
  } as const;
  expect(writeReview(review)).toBe("I loved it. Go.");
  expect(writeReview({ ...review, label: "Review of a film:", continuation: "" })).toBe(
    "Review of a film: I loved it.",
  );
});
