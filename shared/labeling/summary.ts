/** What a project's labels come to: how far its raters agree, with each other, with gold answers and with judges. */
import { accuracy, agreementOf, pairAgreement } from "../agreement/agreement.ts";
import { placesOf } from "../agreement/cohen-kappa.ts";
import { categoriesOf, type GivenLabel, LabelTable, type Label as StatisticLabel } from "../agreement/label-table.ts";
import { type Proportion, proportion } from "../agreement/proportion.ts";
import type { LabelAgreement } from "../api/label-work.ts";
import type { LabelAnswer, TaskType } from "../api/labeling.ts";
import { firstShownWins, sameAnswer, unitLabels } from "./answers.ts";

/** A label as statistics read it. */
export interface SummedLabel {
  readonly task: string;
  readonly rater: string;
  readonly judge: boolean;
  /** null: skipped. */
  readonly answer: LabelAnswer | null;
  readonly reason: string | null;
  readonly shown: readonly number[];
  /** Of gold items alone. */
  readonly gold: LabelAnswer | null;
  /** Whether a later label of the same rater counts instead. */
  readonly superseded: boolean;
}

/** The name of the rater that stands for most people. */
const MAJORITY = "majority";

/** @param labels in the order in which they were given */
export function summarise(type: TaskType, labels: readonly SummedLabel[]): LabelAgreement {
  const ordered = type === "rating";
  const people = labels.filter(({ judge }) => !judge);
  const judging = labels.filter(({ judge }) => judge);
  const table = new LabelTable(unitsOf(people));
  const raters = namesOf(people);
  const { raters: count, ...humans } = agreementOf(table, ordered);
  return {
    object: "labeling.agreement",
    unit: type === "ranking" ? "pair_of_texts" : "task",
    humans: { raters: count, ...humans, pairs: humans.pairs.map(plainPair) },
    judges: namesOf(judging).map((judge) => {
      const own = judging.filter(({ rater }) => rater === judge);
      const units = unitsOf(own);
      const against = (given: readonly GivenLabel[], rater: string) => {
        const both = new LabelTable([...units, ...given]);
        const categories = categoriesOf(both.units.flatMap((said) => [...said.values()]));
        return plainPair(pairAgreement(both, [rater, judge], ordered ? placesOf(categories) : undefined));
      };
      return {
        judge,
        with_majority: against(majorityOf(unitsOf(people)), MAJORITY),
        with_raters: raters.map((rater) => against(unitsOf(people.filter((one) => one.rater === rater)), rater)),
        gold: plain(goldAccuracy(own)),
        first_shown: plain(positionBias(own)),
      };
    }),
    raters: raters.map((rater) => {
      const own = people.filter((one) => one.rater === rater);
      const counting = own.filter(({ superseded }) => !superseded);
      return {
        rater,
        labels: counting.filter(({ answer }) => answer !== null).length,
        skips: counting.filter(({ answer }) => answer === null).length,
        ties: counting.filter(({ answer }) => answer?.type === "tie").length,
        gold: plain(goldAccuracy(own)),
        first_shown: plain(positionBias(own)),
      };
    }),
    first_shown: plain(positionBias(people)),
    skip_reasons: reasonsOf(people),
  };
}

/** Labels that count of tasks that are not gold: a gold item's right answer would make raters agree. */
function unitsOf(labels: readonly SummedLabel[]): GivenLabel[] {
  return labels.flatMap(({ task, rater, answer, shown, gold, superseded }) => {
    if (answer === null || superseded || gold !== null) return [];
    return unitLabels(task, answer, shown.length).map((one) => ({ ...one, rater }));
  });
}

/** The first answer to each gold item, so that a second try makes nobody look better. */
function goldAccuracy(labels: readonly SummedLabel[]): Proportion {
  const first = new Map<string, SummedLabel>();
  for (const label of labels) {
    if (label.gold === null || label.answer === null) continue;
    const key = JSON.stringify([label.rater, label.task]);
    if (!first.has(key)) first.set(key, label);
  }
  return accuracy(
    [...first.values()].map(({ answer, gold, shown }) => [String(sameAnswer(answer!, gold!, shown.length)), "true"]),
  );
}

function positionBias(labels: readonly SummedLabel[]): Proportion {
  const wins = labels.flatMap(({ answer, shown, superseded }) => {
    if (answer === null || superseded || shown.length < 2) return [];
    return firstShownWins(answer, shown) ?? [];
  });
  return proportion(wins.filter(Boolean).length, wins.length);
}

/** The label that most raters gave to each unit; none where several were given equally often. */
function majorityOf(labels: readonly GivenLabel[]): GivenLabel[] {
  const units = new Map<string, Map<StatisticLabel, number>>();
  for (const { unit, label } of labels) {
    const votes = units.get(unit) ?? new Map<StatisticLabel, number>();
    units.set(unit, votes);
    votes.set(label!, (votes.get(label!) ?? 0) + 1);
  }
  return [...units].flatMap(([unit, votes]) => {
    const most = Math.max(...votes.values());
    const winners = [...votes].filter(([, count]) => count === most);
    return winners.length === 1 ? [{ unit, rater: MAJORITY, label: winners[0]![0] }] : [];
  });
}

function namesOf(labels: readonly SummedLabel[]): string[] {
  return [...new Set(labels.map(({ rater }) => rater))];
}

function reasonsOf(labels: readonly SummedLabel[]): Record<string, number> {
  const reasons = new Map<string, number>();
  for (const { reason, superseded } of labels) {
    if (reason !== null && !superseded) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return Object.fromEntries([...reasons].sort(([, a], [, b]) => b - a).slice(0, 100));
}

function plain({ interval, ...rest }: Proportion): LabelAgreement["first_shown"] {
  return { ...rest, interval: interval === null ? null : [...interval] };
}

type PlainPair = LabelAgreement["humans"]["pairs"][number];

function plainPair({ raters, ...rest }: ReturnType<typeof pairAgreement>): PlainPair {
  return { raters: [...raters], ...rest };
}
