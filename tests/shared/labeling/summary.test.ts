import { expect, it } from "vitest";
import { LabelAgreement } from "../../../shared/api/label-work.ts";
import type { LabelAnswer } from "../../../shared/api/labeling.ts";
import { type SummedLabel, summarise } from "../../../shared/labeling/summary.ts";
import { LIMITS } from "../../../shared/limits.ts";

const label = (
  task: string,
  rater: string,
  answer: LabelAnswer | null,
  fields: Partial<SummedLabel> = {},
): SummedLabel => ({
  ...{
    task,
    rater,
    answer,
    judge: false,
    reason: answer === null ? "odd" : null,
    shown: [0, 1],
    gold: null,
    again: false,
    superseded: false,
  },
  ...fields,
});
const best = (index: number): LabelAnswer => ({ type: "best", index });
const tie: LabelAnswer = { type: "tie" };

it("gold items, skips and superseded labels make nobody agree", () => {
  const found = summarise("pairwise", [
    label("a", "ada", best(0)),
    label("a", "bob", best(0), { superseded: true }),
    label("a", "bob", best(1)),
    label("b", "ada", tie),
    label("b", "bob", null),
    label("g", "ada", best(0), { gold: best(0) }),
    label("g", "bob", best(0), { gold: best(0) }),
  ]);
  expect(LabelAgreement.parse(found)).toEqual(found);
  expect(found.humans).toMatchObject({ raters: 2, units: 2, labels: 3, percent: { value: 0, n: 1 } });
  expect(found.raters).toMatchObject([
    { rater: "ada", labels: 3, skips: 0, ties: 1, gold: { value: 1, n: 1 } },
    { rater: "bob", labels: 2, skips: 1, ties: 0, gold: { value: 1, n: 1 } },
  ]);
  expect(found.skip_reasons).toEqual({ odd: 1 });
});

it("the first answer to a gold item is the one that counts", () => {
  const gold = best(1);
  const { raters } = summarise("pairwise", [
    label("g", "ada", best(0), { gold, superseded: true }),
    label("g", "ada", best(1), { gold, again: true }),
  ]);
  expect(raters).toMatchObject([{ gold: { value: 0, n: 1 } }]);
});

it("a judge is compared with most people, where there is a most", () => {
  const judge = { judge: true };
  const found = summarise("pairwise", [
    ...["ada", "bob", "eve"].map((rater) => label("a", rater, best(rater === "eve" ? 1 : 0))),
    ...["ada", "bob"].map((rater) => label("b", rater, best(rater === "bob" ? 1 : 0))),
    label("a", "judge:m", best(0), judge),
    label("b", "judge:m", best(0), judge),
  ]);
  expect(found.humans.raters).toBe(3);
  expect(found.judges).toMatchObject([
    {
      judge: "judge:m",
      with_majority: { raters: ["majority", "judge:m"], percent: { value: 1, n: 1 } },
      with_raters: [
        { raters: ["ada", "judge:m"], percent: { value: 1, n: 2 } },
        { raters: ["bob", "judge:m"], percent: { value: 0.5, n: 2 } },
        { raters: ["eve", "judge:m"], percent: { value: 0, n: 1 } },
      ],
    },
  ]);
});

it("ratings have an order, rankings are pairs, and position bias is of what is no tie", () => {
  const rating = (value: number): LabelAnswer => ({ type: "rating", value });
  const rated = summarise("rating", [
    label("a", "ada", rating(1), { shown: [0] }),
    label("a", "bob", rating(2), { shown: [0] }),
    label("b", "ada", rating(5), { shown: [0] }),
    label("b", "bob", rating(4), { shown: [0] }),
  ]);
  expect(rated.humans.krippendorff).toMatchObject({ ordinal: { n: 4 }, interval: { n: 4 } });
  expect(rated.humans.pairs[0]).toHaveProperty("cohen_quadratic");
  expect(rated.first_shown).toMatchObject({ value: null, n: 0 });
  const shown = [2, 1, 0];
  const ranked = summarise("ranking", [
    label("a", "ada", { type: "order", order: [2, 1, 0] }, { shown }),
    label("a", "bob", { type: "order", order: [2, [0, 1]] }, { shown }),
    label("b", "bob", tie, { shown }),
  ]);
  expect(ranked).toMatchObject({ unit: "pair_of_texts", first_shown: { value: 1, n: 2 } });
  expect(ranked.humans.percent).toMatchObject({ value: 2 / 3, n: 3 });
});

it("many raters cost little, and of them those with the most labels have an entry", () => {
  const many = 30_000;
  const labels = Array.from({ length: many }, (_, at) => label(`t${at % 1000}`, `r${at}`, best(at % 2)));
  const judged = Array.from({ length: 1000 }, (_, at) => label(`t${at}`, "judge:m", best(at % 2), { judge: true }));
  const busy = label("t1", "r29999", best(0), { superseded: true });
  const found = summarise("pairwise", [...labels, ...judged, busy], 7);
  expect(LabelAgreement.parse(found)).toEqual(found);
  expect(found.coverage).toEqual({ labels: many + 1001, older_labels: 7, unlisted_raters: many - LIMITS.raters });
  expect(found.humans.raters).toBe(many);
  expect(found.raters).toHaveLength(LIMITS.raters);
  expect(found.raters.map(({ rater }) => rater)).toEqual([
    ...Array.from({ length: LIMITS.raters - 1 }, (_, at) => `r${at}`),
    "r29999",
  ]);
  expect(found.judges[0]!.with_raters).toHaveLength(LIMITS.raters);
  expect(found.judges[0]!.with_majority.percent).toMatchObject({ value: 1, n: 1000 });
});

it("a judge and a rater are weighed by the ratings that the two use", () => {
  const rating = (value: number): LabelAnswer => ({ type: "rating", value });
  const one = (task: string, rater: string, value: number) =>
    label(task, rater, rating(value), { shown: [0], judge: rater.startsWith("judge:") });
  const pair = [one("a", "ada", 1), one("b", "ada", 5), one("a", "judge:m", 1), one("b", "judge:m", 3)];
  const { judges } = summarise("rating", [...pair, one("c", "bob", 4)]);
  // Of 1, 3 and 5: 1 − 1 / 2. With the rating of Bob between them, 3 and 5 would be farther apart.
  expect(judges[0]!.with_raters[0]!.cohen_linear!.value).toBeCloseTo(1 / 2, 12);
});
