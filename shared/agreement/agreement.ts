/** Every statistic of agreement over one table of labels. */
import { cohenKappa, type Places, placesOf } from "./cohen-kappa.ts";
import { fleissKappa } from "./fleiss-kappa.ts";
import { krippendorffAlpha, type Level } from "./krippendorff-alpha.ts";
import { categoriesOf, type Label, type LabelTable } from "./label-table.ts";
import { percentAgreement } from "./percent-agreement.ts";
import { type Proportion, proportion } from "./proportion.ts";
import type { Statistic } from "./statistic.ts";

export interface PairAgreement {
  readonly raters: readonly [string, string];
  readonly percent: Statistic;
  readonly cohen: Statistic;
  /** Absent for labels without an order. */
  readonly cohen_linear?: Statistic;
  readonly cohen_quadratic?: Statistic;
}

export interface Agreement {
  readonly raters: number;
  /** Units with at least one label. */
  readonly units: number;
  readonly labels: number;
  readonly percent: Statistic;
  readonly fleiss: Statistic;
  /** By what the labels are taken for. */
  readonly krippendorff: Readonly<Partial<Record<Level, Statistic>>>;
  readonly pairs: readonly PairAgreement[];
}

/** Most pairs of raters that are compared one by one where left out: the first in the order of the raters. */
const MOST_PAIRS = 1000;

/**
 * @param ordered whether the labels are numbers, or have another order that their sorting gives
 * @param mostPairs of raters, which are compared one by one
 */
export function agreementOf(table: LabelTable, ordered: boolean, mostPairs: number = MOST_PAIRS): Agreement {
  const levels: readonly Level[] = ordered ? ["nominal", "ordinal", "interval"] : ["nominal"];
  const places = ordered ? placesOf(categoriesOf(labelsOf(table))) : undefined;
  return {
    raters: table.raters.length,
    units: table.units.filter((said) => said.size > 0).length,
    labels: table.units.reduce((sum, said) => sum + said.size, 0),
    percent: percentAgreement(table),
    fleiss: fleissKappa(table),
    krippendorff: Object.fromEntries(levels.map((level) => [level, krippendorffAlpha(table, level)])),
    pairs: pairsOf(table.raters, mostPairs).map((raters) => pairAgreement(table, raters, places)),
  };
}

function* labelsOf({ units }: LabelTable): Generator<Label, void> {
  for (const said of units) yield* said.values();
}

/** Two raters, such as a person and a judge. `places` are those of all raters' categories, of labels that have an order. */
export function pairAgreement(table: LabelTable, raters: readonly [string, string], places?: Places): PairAgreement {
  const [first, second] = table.common(...raters);
  const equal = first.filter((label, unit) => label === second[unit]).length;
  const { interval: _, ...percent } = proportion(equal, first.length);
  const weighted = (weights: "linear" | "quadratic") => cohenKappa(first, second, { weights, places: places! });
  return {
    raters,
    percent,
    cohen: cohenKappa(first, second),
    ...(places === undefined ? {} : { cohen_linear: weighted("linear"), cohen_quadratic: weighted("quadratic") }),
  };
}

function pairsOf(raters: readonly string[], most: number): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let a = 0; a < raters.length; a++) {
    for (let b = a + 1; b < raters.length; b++) {
      if (pairs.length >= most) return pairs;
      pairs.push([raters[a]!, raters[b]!]);
    }
  }
  return pairs;
}

/** How often labels are those that are known to be right. `n` counts the labels for which the right one is known. */
export function accuracy(labels: Iterable<readonly [given: Label, right: Label]>): Proportion {
  const all = [...labels];
  return proportion(all.filter(([given, right]) => given === right).length, all.length);
}
