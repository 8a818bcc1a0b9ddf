import { expect, it } from "vitest";
import type { LabelAnswer } from "../../../shared/api/labeling.ts";
import { judgedTask, type LabelledTask } from "../../../shared/labeling/judged.ts";

const scale = { min: 1, max: 5 };
const task = (texts: readonly string[], ...answers: readonly LabelAnswer[]): LabelledTask => ({
  id: "task",
  project: "project",
  prompt: { text: "x" },
  texts: texts.map((content) => ({ message: { role: "assistant", content }, made: null })),
  labels: answers.map((answer, at) => ({
    ...{ id: `label ${at}`, rater: `rater ${at}`, answer, shown: [0, 1], selected_by: "random", created_at: at },
  })),
});
const order = (...given: (number | number[])[]): LabelAnswer => ({ type: "order", order: given });
const said = (labelled: LabelledTask, how: "each" | "combined") =>
  judgedTask(labelled, how, scale).map(({ judgement, answers }) => ({
    judgement,
    texts: answers.map(({ message }) => message.content),
  }));

it("each label is a judgement, with who gave it and how", () => {
  const [first] = judgedTask(task(["a", "b"], { type: "best", index: 1 }), "each", scale);
  expect(first).toMatchObject({
    judgement: { type: "ranking", ranks: [0, 1] },
    rater: "rater 0",
    from: {
      source: "labeling",
      project: "project",
      task: "task",
      label: "label 0",
      shown: [0, 1],
      selected_by: "random",
    },
  });
  expect(said(task(["a", "b"], { type: "tie" }), "each")[0]!.judgement).toEqual({ type: "tie" });
  expect(judgedTask(task(["a"]), "each", scale)).toEqual([]);
});

it("labels together are their mean ranks, in which ties can remain", () => {
  expect(said(task(["a", "b", "c"], order(2, 0, 1), order(2, [0, 1])), "combined")).toEqual([
    { judgement: { type: "ranking", ranks: [0, 2.5, 3.5] }, texts: ["c", "a", "b"] },
  ]);
  expect(said(task(["a", "b", "c"], order(0, 1, 2), order(1, 0, 2)), "combined")).toEqual([
    { judgement: { type: "ranking", ranks: [1, 1, 4] }, texts: ["a", "b", "c"] },
  ]);
  expect(said(task(["a", "b"], { type: "best", index: 0 }, { type: "best", index: 1 }), "combined")).toMatchObject([
    { judgement: { type: "tie" } },
  ]);
});

it("ratings together are their mean", () => {
  const rated = task(["a"], { type: "rating", value: 2 }, { type: "rating", value: 5 });
  expect(said(rated, "combined")).toEqual([{ judgement: { type: "rating", value: 3.5, scale }, texts: ["a"] }]);
  expect(said(rated, "each")).toHaveLength(2);
});
