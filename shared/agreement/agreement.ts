/** Every statistic of agreement over one table of labels. */
import { cohenKappa } from "./cohen-kappa.ts";
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

/** Most pairs of raters that are compared one by one: the first in the order of the raters. */
const MOST_PAIRS = 1000;

/** @param ordered whether the labels are numbers, or have another order that their sorting gives */
export function agreementOf(table: LabelTable, ordered: boolean): Agreement {
  const levels: readonly Level[] = ordered ? ["nominal", "ordinal", "interval"] : ["nominal"];
  const categories = categoriesOf(table.units.flatMap((said) => [...said.values()]));
  return {
    raters: table.raters.length,
    units: table.units.filter((said) => said.size > 0).length,
    labels: table.units.reduce((sum, said) => sum + said.size, 0),
    percent: percentAgreement(table),
    fleiss: fleissKappa(table),
    krippendorff: Object.fromEntries(levels.map((level) => [level, krippendorffAlpha(table, level)])),
    pairs: pairsOf(table.raters).map((raters) => pairAgreement(table, raters, ordered ? categories : undefined)),
  };
}

/** Two raters, such as a person and a judge. `categories` are those of all raters in order, of labels that have one. */
export function pairAgreement(
  table: LabelTable,
  raters: readonly [string, string],
  categories?: readonly Label[],
): PairAgreement {
  const [first, second] = table.common(...raters);
  const equal = first.filter((label, unit) => label === second[unit]).length;
  const { interval: _, ...percent } = proportion(equal, first.length);
  const weighted = (weights: "linear" | "quadratic") => cohenKappa(first, second, { weights, categories: categories! });
  return {
    raters,
    percent,
    cohen: cohenKappa(first, second),
    ...(categories === undefined ? {} : { cohen_linear: weighted("linear"), cohen_quadratic: weighted("quadratic") }),
  };
}

function pairsOf(raters: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const [at, first] of raters.entries()) {
    for (const second of raters.slice(at + 1)) {
      if (pairs.length === MOST_PAIRS) return pairs;
      pairs.push([first, second]);
    }
  }
  return pairs;
}

/** How often labels are those that are known to be right. `n` counts the labels for which the right one is known. */
export function accuracy(labels: Iterable<readonly [given: Label, right: Label]>): Proportion {
  const all = [...labels];
  return proportion(all.filter(([given, right]) => given === right).length, all.length);
}
