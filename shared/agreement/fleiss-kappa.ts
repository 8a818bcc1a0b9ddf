/**
 * Fleiss' κ of m raters per unit, who need not be the same ones: (P − Pₑ) / (1 − Pₑ), where P is the mean share of agreeing pairs
 * within a unit and Pₑ the sum of squared shares of the categories. Fleiss 1971; as statsmodels computes it.
 */
import { countsOf, type Label, type LabelTable } from "./label-table.ts";
import { known, type Statistic, unknown } from "./statistic.ts";

/**
 * Needs the same number m ≥ 2 of labels for every unit. Where their numbers differ, m is the one with the most labels in all, the
 * larger of equals, and units with another number are left out. `n` counts the units that are left.
 */
export function fleissKappa({ units }: LabelTable): Statistic {
  const perUnit = commonCount(units.map((said) => said.size));
  if (perUnit === undefined) return unknown("no unit was labelled by two raters", 0);
  const used = units.filter((said) => said.size === perUnit);
  const totals = new Map<Label, number>();
  let agreement = 0;
  for (const said of used) {
    const counts = countsOf(said.values());
    let squares = 0;
    for (const [label, count] of counts) {
      totals.set(label, (totals.get(label) ?? 0) + count);
      squares += count * count;
    }
    agreement += (squares - perUnit) / (perUnit * (perUnit - 1));
  }
  const n = used.length;
  const labels = n * perUnit;
  const chance = [...totals.values()].reduce((sum, count) => sum + (count / labels) ** 2, 0);
  if (totals.size === 1) return unknown("all labels are the same category, so that chance alone would agree", n);
  return known((agreement / n - chance) / (1 - chance), n);
}

function commonCount(sizes: readonly number[]): number | undefined {
  const labels = new Map<number, number>();
  for (const size of sizes) if (size >= 2) labels.set(size, (labels.get(size) ?? 0) + size);
  return [...labels].sort(([a, inA], [b, inB]) => inB - inA || b - a)[0]?.[0];
}
