import { countsOf, type LabelTable } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

/**
 * The share of pairs of labels for the same unit that are equal, over all units and all pairs of raters. `n` counts pairs. Nothing
 * is taken off for agreement by chance.
 */
export function percentAgreement({ units }: LabelTable): Statistic {
  let [pairs, equal] = [0, 0];
  for (const said of units) {
    pairs += pairsAmong(said.size);
    for (const count of countsOf(said.values()).values()) equal += pairsAmong(count);
  }
  return pairs === 0 ? unknown("no unit was labelled by two raters", 0) : known(equal / pairs, pairs);
}

const pairsAmong = (count: number) => (count * (count - 1)) / 2;
