import type { LabelTable } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

/**
 * The share of pairs of labels for the same unit that are equal, over all units and all pairs of raters. `n` counts pairs. Nothing
 * is taken off for agreement by chance.
 */
export function percentAgreement({ units }: LabelTable): Statistic {
  let [pairs, equal] = [0, 0];
  for (const said of units) {
    const labels = [...said.values()];
    for (const [at, label] of labels.entries()) {
      for (const other of labels.slice(at + 1)) {
        pairs += 1;
        if (label === other) equal += 1;
      }
    }
  }
  return pairs === 0 ? unknown("no unit was labelled by two raters", 0) : known(equal / pairs, pairs);
}
