/** What a project's labels come to: how far its raters agree, with each other, with gold answers and with judges. */
import { accuracy, agreementOf, pairAgreement } from "../agreement/agreement.ts";
import { type Places, placesOf } from "../agreement/cohen-kappa.ts";
import { categoriesOf, type GivenLabel, LabelTable, type Label as StatisticLabel } from "../agreement/label-table.ts";
import { type Proportion, proportion } from "../agreement/proportion.ts";
import type { LabelAgreement } from "../api/label-work.ts";
import type { LabelAnswer, TaskType } from "../api/labeling.ts";
import { LIMITS } from "../limits.ts";
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
  /** Whether the rater answered the gold item before, so that a second try makes nobody look better. */
  readonly again: boolean;
  /** Whether a later label of the same rater counts instead. */
  readonly superseded: boolean;
}

/** The name of the rater that stands for most people. No judge has it, whose names begin otherwise. */
const MAJORITY = "majority";

/**
 * @param labels in the order in which they were given
 * @param leftOut how many older ones there are, which are not among them
 */
export function summarise(type: TaskType, labels: readonly SummedLabel[], leftOut = 0): LabelAgreement {
  const ordered = type === "rating";
  const people = labels.filter(({ judge }) => !judge);
  const judging = labels.filter(({ judge }) => judge);
  const [raters, judges] = [listed(people), listed(judging)];
  const [said, judged] = [unitsOf(people), unitsOf(judging)];
  const { raters: count, ...humans } = agreementOf(new LabelTable(said), ordered);
  const withPeople = judges.own.size === 0 ? undefined : new Comparison([...said, ...judged], ordered);
  const withMost = judges.own.size === 0 ? undefined : new Comparison([...majorityOf(said), ...judged], ordered);
  return {
    object: "labeling.agreement",
    unit: type === "ranking" ? "pair_of_texts" : "task",
    coverage: { labels: labels.length, older_labels: leftOut, unlisted_raters: raters.unlisted + judges.unlisted },
    humans: { raters: count, ...humans, pairs: humans.pairs.map(plainPair) },
    judges: [...judges.own].map(([judge, own]) => ({
      judge,
      with_majority: withMost!.pair(MAJORITY, judge),
      with_raters: [...raters.own.keys()].map((rater) => withPeople!.pair(rater, judge)),
      gold: plain(goldAccuracy(own)),
      first_shown: plain(positionBias(own)),
    })),
    raters: [...raters.own].map(([rater, own]) => {
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

/** The labels of each rater that has an entry, in the order of their first labels: of many, those with the most labels. */
function listed(labels: readonly SummedLabel[]): { own: ReadonlyMap<string, SummedLabel[]>; unlisted: number } {
  const own = new Map<string, SummedLabel[]>();
  for (const label of labels) {
    const before = own.get(label.rater);
    if (before === undefined) own.set(label.rater, [label]);
    else before.push(label);
  }
  const most = [...own].sort(([, a], [, b]) => b.length - a.length).slice(0, LIMITS.raters);
  const kept = new Set(most.map(([rater]) => rater));
  return { own: new Map([...own].filter(([rater]) => kept.has(rater))), unlisted: own.size - kept.size };
}

/** Labels among which raters are compared two at a time. */
class Comparison {
  readonly #table: LabelTable;
  /** What each rater says at all, of labels with an order. */
  readonly #used: ReadonlyMap<string, ReadonlySet<StatisticLabel>> | undefined;

  constructor(labels: readonly GivenLabel[], ordered: boolean) {
    this.#table = new LabelTable(labels);
    if (!ordered) return;
    const used = new Map<string, Set<StatisticLabel>>();
    for (const { rater, label } of labels) used.set(rater, (used.get(rater) ?? new Set()).add(label!));
    this.#used = used;
  }

  pair(rater: string, judge: string): PlainPair {
    return plainPair(pairAgreement(this.#table, [rater, judge], this.#places(rater, judge)));
  }

  #places(...raters: readonly string[]): Places | undefined {
    const used = this.#used;
    return used && placesOf(categoriesOf(raters.flatMap((rater) => [...(used.get(rater) ?? [])])));
  }
}

/** The units of a statistic that a label of a task with so many texts is of. */
export function unitCount(texts: number): number {
  return texts < 2 ? 1 : (texts * (texts - 1)) / 2;
}

/** Labels that count of tasks that are not gold: a gold item's right answer would make raters agree. */
function unitsOf(labels: readonly SummedLabel[]): GivenLabel[] {
  return labels.flatMap(({ task, rater, answer, shown, gold, superseded }) => {
    if (answer === null || superseded || gold !== null) return [];
    return unitLabels(task, answer, shown.length).map((one) => ({ ...one, rater }));
  });
}

function goldAccuracy(labels: readonly SummedLabel[]): Proportion {
  return accuracy(
    labels.flatMap(({ answer, gold, shown, again }): [string, string][] => {
      if (answer === null || gold === null || again) return [];
      return [[String(sameAnswer(answer, gold, shown.length)), "true"]];
    }),
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
    const most = [...votes.values()].reduce((a, b) => Math.max(a, b));
    const winners = [...votes].filter(([, count]) => count === most);
    return winners.length === 1 ? [{ unit, rater: MAJORITY, label: winners[0]![0] }] : [];
  });
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
