import { describe, expect, it } from "vitest";
import type { LabelAnswer, TaskType } from "../../../shared/api/labeling.ts";
import { answerProblem, firstShownWins, ranksOf, sameAnswer, unitLabels } from "../../../shared/labeling/answers.ts";

const scale = { min: 1, max: 5 };
const best = (index: number): LabelAnswer => ({ type: "best", index });
const order = (...given: (number | number[])[]): LabelAnswer => ({ type: "order", order: given });
const rating = (value: number): LabelAnswer => ({ type: "rating", value });
const tie: LabelAnswer = { type: "tie" };

describe("an answer", () => {
  it.each([
    ["pairwise", best(1), 2],
    ["pairwise", tie, 2],
    ["ranking", order(2, 0, 1), 3],
    ["ranking", order(2, [0, 1]), 3],
    ["ranking", tie, 3],
    ["rating", rating(5), 1],
  ] as [TaskType, LabelAnswer, number][])("of a %s task fits: %o", (type, answer, texts) => {
    expect(answerProblem(answer, { type, texts }, scale)).toBeUndefined();
  });

  it.each([
    ["pairwise", best(2), 2, "index"],
    ["pairwise", order(0, 1), 2, "type"],
    ["ranking", best(0), 3, "type"],
    ["ranking", order(0, 1), 3, "order"],
    ["ranking", order(0, 1, 1), 3, "order"],
    ["ranking", order(0, 1, 3), 3, "order"],
    ["rating", rating(6), 1, "value"],
    ["rating", rating(2.5), 1, "value"],
    ["rating", tie, 1, "type"],
  ] as [TaskType, LabelAnswer, number, string][])("of a %s task does not fit: %o", (type, answer, texts, field) => {
    expect(answerProblem(answer, { type, texts }, scale)).toMatchObject({
      field,
      demand: expect.stringMatching(/^must /),
    });
  });
});

it("ranks count from the best, and equal texts share theirs", () => {
  expect(ranksOf(best(1), 2)).toEqual([1, 0]);
  expect(ranksOf(tie, 3)).toEqual([1, 1, 1]);
  expect(ranksOf(order(2, [0, 1]), 3)).toEqual([1.5, 1.5, 0]);
  expect(ranksOf(rating(3), 1)).toBeNull();
});

it("a ranking is a label of every pair", () => {
  expect(unitLabels("t", order(2, [0, 1]), 3)).toEqual([
    { unit: "t 0 1", label: "tie" },
    { unit: "t 0 2", label: "text 2" },
    { unit: "t 1 2", label: "text 2" },
  ]);
  expect(unitLabels("t", best(0), 2)).toEqual([{ unit: "t", label: "text 0" }]);
  expect(unitLabels("t", rating(4), 1)).toEqual([{ unit: "t", label: 4 }]);
});

it("the first text that is shown wins where it is the only best one", () => {
  expect(firstShownWins(best(1), [1, 0])).toBe(true);
  expect(firstShownWins(best(0), [1, 0])).toBe(false);
  expect(firstShownWins(tie, [1, 0])).toBeNull();
  expect(firstShownWins(order([0, 1], 2), [0, 1, 2])).toBeNull();
  expect(firstShownWins(rating(1), [0])).toBeNull();
});

it("answers are the same whatever their form", () => {
  expect(sameAnswer(best(0), order(0, 1), 2)).toBe(true);
  expect(sameAnswer(tie, order([0, 1]), 2)).toBe(true);
  expect(sameAnswer(best(0), best(1), 2)).toBe(false);
  expect(sameAnswer(rating(3), rating(3), 1)).toBe(true);
  expect(sameAnswer(rating(3), rating(4), 1)).toBe(false);
});
